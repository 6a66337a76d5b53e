import CKernels
import Glibc

/// Convolutions of images as products of small matrices that are read where they lie: the pixels of
/// a padded strip of an image on the left, the kernels on the right. No windows are copied.
///
/// Work is cut by the shapes alone, and results are summed in one order, so that their bits do not
/// depend on the number of threads. What runs on them uses numbers and addresses alone: references
/// would be counted by all threads in one place.
final class ConvolutionTiles {
    private let form: ConvolutionForm
    private let dtype: DType
    private let multiply: ck_tile
    private let transpose: ck_turn
    private let accumulate: ck_accumulate
    private let workers: Workers

    /// The columns of kernels that meet a strip before the next ones do.
    private static let columns = 32
    /// Sums for kernels are made by at most so many groups of images, of at most so many elements.
    private static let most = (groups: 16, elements: 8 << 20)

    /// For arrays of float32 or float64; nil for other types.
    init?(_ form: ConvolutionForm, _ dtype: DType, on workers: Workers) {
        guard let multiply = ck_tile_multiply(dtype.code),
            let transpose = ck_tile_transpose(dtype.code),
            let accumulate = ck_accumulate_2d(dtype.code)
        else { return nil }
        (self.multiply, self.transpose, self.accumulate) = (multiply, transpose, accumulate)
        self.form = form
        self.dtype = dtype
        self.workers = workers
    }

    /// results [N, OH, OW, O] of images [N, H, W, C] and kernels [O, KH, KW, C], row-major.
    func results(images: Tensor, kernels: Tensor, into output: Tensor) {
        let right = turned(kernels, rows: kernels.shape[0])  // [KH · KW · C, O]
        let walk = StripWalk(form, channels: images.shape[3], itemSize: dtype.size)
        convolve(images, walk, right, columns: kernels.shape[0], into: output)
    }

    /// images [N, H, W, C] that kernels and results give back.
    func images(kernels: Tensor, results: Tensor, into output: Tensor) {
        let (filters, channels) = (kernels.shape[0], kernels.shape[3])
        let taps = form.kernel[0] * form.kernel[1]
        func vectors(_ count: Int) -> Int { (count + 15) / 16 }
        guard form.strides == [1, 1], 2 * vectors(channels) * taps < 3 * vectors(channels * taps)
        else { return spread(kernels, results, into: output) }
        // The transpose of a dense convolution is one by the kernels turned round.
        let reach = (0..<2).map { (form.kernel[$0] - 1) * form.dilation[$0] }
        let back = ConvolutionForm(
            image: form.places, kernel: form.kernel, strides: [1, 1],
            low: (0..<2).map { reach[$0] - form.low[$0] },
            high: (0..<2).map { reach[$0] - form.high[$0] }, dilation: form.dilation)
        let walk = StripWalk(back, channels: filters, itemSize: dtype.size)
        let right = Tensor(Spec([taps, filters, channels], dtype))
        for tap in 0..<taps {
            for filter in 0..<filters {
                right.address(at: (tap * filters + filter) * channels).copyMemory(
                    from: kernels.address(at: (filter * taps + taps - 1 - tap) * channels),
                    byteCount: channels * dtype.size)
            }
        }
        convolve(results, walk, right, columns: channels, into: output)
    }

    /// Makes every place of the output from the strip of an image around it.
    private func convolve(
        _ images: Tensor, _ walk: StripWalk, _ right: Tensor, columns: Int, into output: Tensor
    ) {
        let (multiply, size, samples) = (multiply, dtype.size, images.shape[0])
        let (source, kernels, target) = (images.address, right.address, output.address)
        let end = source + images.count * size
        let line = walk.places.width * columns * size
        // Several small images make a task.
        let share = walk.imagesOfTask
        workers.run((samples + share - 1) / share * walk.bands) { task in
            let (part, band) = task.quotientAndRemainder(dividingBy: walk.bands)
            let places = walk.rows(band)
            walk.withRoom { room in
                for sample in part * share..<min(samples, (part + 1) * share) {
                    let image = source + sample * walk.imageBytes
                    let strip = walk.strip(of: image, places, in: room)
                    for column in stride(from: 0, to: columns, by: Self.columns) {
                        for row in places {
                            if column == 0 { walk.fetch(image, row + places.count, before: end) }
                            let operands = ck_tile_operands(
                                a: strip + (row - places.lowerBound) * walk.step.row * size,
                                a_row: walk.step.column, a_column: 1, runs: room.runs,
                                run_count: walk.runCount, b: kernels + column * size,
                                b_row: columns, depth: walk.depth)
                            multiply(
                                target + (sample * walk.places.height + row) * line + column * size,
                                columns, operands, walk.places.width,
                                min(Self.columns, columns - column), 0)
                        }
                    }
                }
            }
        }
    }

    /// Every result gives its share to all pixels under the kernel.
    private func spread(_ kernels: Tensor, _ results: Tensor, into output: Tensor) {
        let (filters, channels) = (kernels.shape[0], kernels.shape[3])
        let taps = form.kernel[0] * form.kernel[1]
        let (rows, width) = (form.places[0], form.places[1])
        let image = (height: form.image[0], width: form.image[1])
        // Where the kernel starts in the sums; a part that is cut off has no place there.
        let (top, left) = (max(form.low[0], 0), max(form.low[1], 0))
        let origin = (down: top - form.low[0], across: left - form.low[1])
        let height = image.height + top + max(form.high[0], 0)
        let line = image.width + left + max(form.high[1], 0)
        let (strides, dilation) = (
            (form.strides[0], form.strides[1]), (form.dilation[0], form.dilation[1])
        )
        let (across, size) = (form.kernel[1], dtype.size)
        let (multiply, accumulate) = (multiply, accumulate)
        let (right, source, target) = (kernels.address, results.address, output.address)
        let room = (sums: height * line * channels * size, shares: width * taps * channels * size)
        workers.run(results.shape[0]) { sample in
            withUnsafeTemporaryAllocation(byteCount: room.sums + room.shares, alignment: 64) {
                guard let sums = $0.baseAddress else { return }
                let shares = sums + room.sums
                memset(sums, 0, room.sums)
                var start = 0
                for row in 0..<rows {
                    withUnsafePointer(to: &start) { start in
                        let operands = ck_tile_operands(
                            a: source + (sample * rows + row) * width * filters * size,
                            a_row: filters, a_column: 1, runs: start, run_count: 1, b: right,
                            b_row: taps * channels, depth: filters)
                        multiply(shares, taps * channels, operands, width, taps * channels, 0)
                    }
                    for tap in 0..<taps {
                        let y = row * strides.0 + tap / across * dilation.0 + origin.down
                        let x = tap % across * dilation.1 + origin.across
                        let into = sums + (y * line + x) * channels * size
                        let from = shares + tap * channels * size
                        if channels == 1 {
                            accumulate(into, from, 1, width, 0, strides.1, 0, taps)
                        } else {
                            accumulate(
                                into, from, width, channels, strides.1 * channels, 1,
                                taps * channels, 1)
                        }
                    }
                }
                let bytes = image.width * channels * size
                for row in 0..<image.height {
                    (target + (sample * image.height + row) * bytes).copyMemory(
                        from: sums + ((row + top) * line + left) * channels * size,
                        byteCount: bytes)
                }
            }
        }
    }

    /// kernels [O, KH, KW, C] that images and results give back.
    func kernels(images: Tensor, results: Tensor, into output: Tensor) {
        let (samples, channels, filters) = (images.shape[0], images.shape[3], results.shape[3])
        let size = output.count
        if samples == 0 { return output.clear(on: workers) }
        let walk = StripWalk(form, channels: channels, itemSize: dtype.size)
        let groups = max(1, min(samples, Self.most.groups, Self.most.elements / size))
        // Too few groups for the threads are shared by the rows of the kernels.
        let shares = groups < max(Self.most.groups, 3 * Workers.count) ? form.kernel[0] : 1
        let sums = Tensor(Spec([groups, size], dtype))  // [groups, KH · KW · C, O]
        sums.clear(on: workers)
        let (multiply, itemSize, kernelRows) = (multiply, dtype.size, form.kernel[0])
        let (source, right, target) = (images.address, results.address, sums.address)
        let line = walk.places.width * filters * itemSize
        workers.run(groups * shares) { task in
            let (group, share) = task.quotientAndRemainder(dividingBy: shares)
            let downs = share * kernelRows / shares..<(share + 1) * kernelRows / shares
            // The runs of one row of kernels, or of one element where they lie apart.
            let across = walk.runCount / kernelRows
            walk.withRoom { room in
                for sample in samples * group / groups..<samples * (group + 1) / groups {
                    for band in 0..<walk.bands {
                        let places = walk.rows(band)
                        let strip = walk.strip(
                            of: source + sample * walk.imageBytes, places, in: room)
                        let place = sample * walk.places.height + places.lowerBound
                        for run in downs.lowerBound * across..<downs.upperBound * across {
                            let operands = ck_tile_operands(
                                a: strip + room.runs[run] * itemSize, a_row: 1,
                                a_column: walk.step.column, runs: room.lines,
                                run_count: places.count, b: right + place * line,
                                b_row: filters, depth: walk.places.width)
                            multiply(
                                target + (group * size + run * walk.depth * filters) * itemSize,
                                filters, operands, walk.depth, filters, 1)
                        }
                    }
                }
            }
        }
        let left = join(sums, groups)
        workers.forRanges(of: size / filters, grain: 256) { range in
            transpose(
                output.address(at: range.lowerBound), size / filters,
                left.address(at: range.lowerBound * filters), filters, 1, range.count, filters, 1)
        }
    }

    /// The sum of the groups, in their order.
    private func join(_ sums: Tensor, _ groups: Int) -> Tensor {
        guard groups > 1, let add = ck_add(dtype.code) else { return sums }
        let size = sums.shape[1]
        workers.forRanges(of: size, grain: 1 << 12) { range in
            let first = sums.address(at: range.lowerBound)
            for group in 1..<groups {
                add(first, first, sums.address(at: group * size + range.lowerBound), range.count)
            }
        }
        return sums
    }

    /// A matrix of so many rows with rows and columns in each other's place.
    private func turned(_ matrix: Tensor, rows: Int) -> Tensor {
        let columns = matrix.count / rows
        let result = Tensor(Spec([columns, rows], dtype))
        // Whole cache lines of the result.
        let grain = max(1, (1 << 13) / 16 / max(columns, 1)) * 16
        workers.forRanges(of: rows, grain: grain) { range in
            transpose(
                result.address(at: range.lowerBound), rows,
                matrix.address(at: range.lowerBound * columns), columns, 1, range.count, columns, 1)
        }
        return result
    }
}

/// How strips of images are cut, and where in a strip the windows of a row of results lie.
private struct StripWalk {
    typealias Area = (height: Int, width: Int)

    let image: Area
    let places: Area
    let imageBytes: Int
    /// How many strips an image is cut into.
    let bands: Int
    /// The runs of a window's elements that follow each other, and how long they are.
    let runCount: Int
    let depth: Int
    /// How far the windows of neighbouring results lie apart, a row below and to the right.
    let step: (row: Int, column: Int)
    private let pixel: Int
    private let itemSize: Int
    private let stride: Int
    /// The rows from the first to the last of a window.
    private let reach: Int
    /// The runs of a row of a window, and how far they lie apart; rows of a window likewise.
    private let across: (count: Int, step: Int)
    private let down: Int
    private let top: Int
    /// The pixels of a strip's row; those of an image that it holds, from which on, and where.
    private let width: Int
    private let held: (count: Int, from: Int, place: Int)
    /// Whether a strip is a part of the image as it lies.
    private let isPlain: Bool

    /// About how many elements of an image a strip holds: they stay in the second cache; and how
    /// many of small images a task takes.
    private static let most = (elements: 24 << 10, ofTask: 2 << 10)

    init(_ form: ConvolutionForm, channels: Int, itemSize: Int) {
        image = (form.image[0], form.image[1])
        let sizes = form.places
        places = (sizes[0], sizes[1])
        self.itemSize = itemSize
        pixel = channels * itemSize
        imageBytes = form.image[0] * form.image[1] * pixel
        width = form.image[1] + form.low[1] + form.high[1]
        let line = width * channels
        let rows = max(1, Self.most.elements / max(line * form.strides[0], 1))
        bands = (sizes[0] + rows - 1) / rows
        step = (form.strides[0] * line, form.strides[1] * channels)
        stride = form.strides[0]
        reach = (form.kernel[0] - 1) * form.dilation[0]
        down = form.dilation[0] * line
        top = form.low[0]
        let isDense = form.dilation[1] == 1
        depth = isDense ? form.kernel[1] * channels : channels
        across = isDense ? (1, 0) : (form.kernel[1], form.dilation[1] * channels)
        runCount = form.kernel[0] * across.count
        let (place, from) = (max(form.low[1], 0), max(-form.low[1], 0))
        held = (max(0, min(form.image[1] - from, width - place)), from, place)
        isPlain = form.low[1] == 0 && form.high[1] == 0 && form.low[0] <= 0 && form.high[0] <= 0
    }

    /// The images whose strips are made by one task.
    var imagesOfTask: Int {
        bands > 1 ? 1 : max(1, Self.most.ofTask * itemSize / max(imageBytes, 1))
    }

    /// The rows of results that a strip serves.
    func rows(_ band: Int) -> Range<Int> {
        places.height * band / bands..<places.height * (band + 1) / bands
    }

    /// Memory of a task: the starts of a window's runs and of a strip's rows, and a strip.
    struct Room {
        let runs: UnsafeMutablePointer<Int>
        let lines: UnsafeMutablePointer<Int>
        fileprivate let strip: UnsafeMutableRawPointer
    }

    /// Hands out memory for the strips of a task, one at a time.
    func withRoom(_ body: (Room) -> Void) {
        let rows = (places.height + bands - 1) / bands
        let starts = ((runCount + rows) * MemoryLayout<Int>.size + 63) / 64 * 64
        let bytes = isPlain ? 0 : ((rows - 1) * stride + reach + 1) * width * pixel
        withUnsafeTemporaryAllocation(byteCount: starts + bytes, alignment: 64) { memory in
            guard let start = memory.baseAddress else { return }
            let runs = start.as(Int.self)
            for run in 0..<runCount {
                runs[run] = run / across.count * down + run % across.count * across.step
            }
            for row in 0..<rows { runs[runCount + row] = row * step.row }
            body(Room(runs: runs, lines: runs + runCount, strip: start + starts))
        }
    }

    /// Asks for a row of pixels that the next strip has where a strip has those of a row of results
    /// that follows it; the next image follows the last row.
    func fetch(_ image: UnsafeMutableRawPointer, _ row: Int, before end: UnsafeMutableRawPointer) {
        let source = row * stride + reach - top
        let line = self.image.width * pixel
        let place = image + source * line
        guard source >= 0, place + line <= end else { return }
        ck_fetch(place, line)
    }

    /// The pixels around some rows of results, with the zeros of the padding.
    func strip(
        of image: UnsafeMutableRawPointer, _ rows: Range<Int>, in room: Room
    ) -> UnsafeMutableRawPointer {
        let line = self.image.width * pixel
        let first = rows.lowerBound * stride - top
        if isPlain { return image + first * line }
        for row in 0..<(rows.count - 1) * stride + reach + 1 {
            let target = room.strip + row * width * pixel
            let source = first + row
            guard 0..<self.image.height ~= source, held.count > 0 else {
                memset(target, 0, width * pixel)
                continue
            }
            memset(target, 0, held.place * pixel)
            memcpy(
                target + held.place * pixel, image + source * line + held.from * pixel,
                held.count * pixel)
            let rest = held.place + held.count
            memset(target + rest * pixel, 0, (width - rest) * pixel)
        }
        return room.strip
    }
}
