import CKernels
import Glibc

/// Convolutions of images as products of small matrices that are read where they lie: the pixels of
/// a padded strip of an image on the left, the kernels on the right. No windows are copied.
///
/// Work is cut by the shapes alone, and results are summed in one order, so that their bits do not
/// depend on the number of threads. Classes, as copies of their values in the loops would count
/// references that all threads share.
final class ConvolutionTiles {
    private let form: ConvolutionForm
    private let dtype: DType
    private let multiply: ck_tile
    private let transpose: ck_turn
    private let accumulate: ck_accumulate
    private let workers: Workers

    /// About how many elements of an image a strip holds: they stay in the second cache.
    private static let stripElements = 24 << 10
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
        let walk = StripWalk(form, channels: images.shape[3], elements: Self.stripElements)
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
        let walk = StripWalk(back, channels: filters, elements: Self.stripElements)
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
        let (rows, width) = (walk.form.places[0], walk.form.places[1])
        workers.run(images.shape[0] * walk.bands) { task in
            let (sample, band) = task.quotientAndRemainder(dividingBy: walk.bands)
            let places = walk.rows(band)
            walk.withStrip(of: images, sample, places) { strip in
                for column in (0..<columns).pieces(of: Self.columns) {
                    for row in places {
                        if column.lowerBound == 0 { walk.fetch(images, sample, row, places.count) }
                        let operands = ck_tile_operands(
                            a: strip + (row - places.lowerBound) * walk.step.row * dtype.size,
                            a_row: walk.step.column, a_column: 1, runs: walk.runs.address(),
                            run_count: walk.runs.count,
                            b: right.address(at: column.lowerBound), b_row: columns,
                            depth: walk.depth)
                        let place = (sample * rows + row) * width * columns + column.lowerBound
                        multiply(
                            output.address(at: place), columns, operands, width, column.count, 0)
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
        let padded = (0..<2).map { form.image[$0] + max(form.low[$0], 0) + max(form.high[$0], 0) }
        let start = Runs([0])
        workers.run(results.shape[0]) { sample in
            let shares = Tensor(Spec([width, taps * channels], dtype))
            let sums = Tensor(Spec([padded[0], padded[1], channels], dtype))
            sums.clear(on: workers)
            // Where the kernel starts in the sums; a part that is cut off has no place there.
            let origin = (0..<2).map { max(form.low[$0], 0) - form.low[$0] }
            for row in 0..<rows {
                let operands = ck_tile_operands(
                    a: results.address(at: (sample * rows + row) * width * filters), a_row: filters,
                    a_column: 1, runs: start.address(), run_count: 1, b: kernels.address,
                    b_row: taps * channels, depth: filters)
                multiply(
                    shares.address, taps * channels, operands, width, taps * channels, 0)
                for tap in 0..<taps {
                    let (down, across) = tap.quotientAndRemainder(dividingBy: form.kernel[1])
                    let y = row * form.strides[0] + down * form.dilation[0] + origin[0]
                    let x = across * form.dilation[1] + origin[1]
                    let into = sums.address(at: (y * padded[1] + x) * channels)
                    let from = shares.address(at: tap * channels)
                    if channels == 1 {
                        accumulate(into, from, 1, width, 0, form.strides[1], 0, taps)
                    } else {
                        accumulate(
                            into, from, width, channels, form.strides[1] * channels, 1,
                            taps * channels, 1)
                    }
                }
            }
            let line = form.image[1] * channels
            for row in 0..<form.image[0] {
                let y = row + max(form.low[0], 0)
                let x = max(form.low[1], 0)
                output.address(at: (sample * form.image[0] + row) * line).copyMemory(
                    from: sums.address(at: (y * padded[1] + x) * channels),
                    byteCount: line * dtype.size)
            }
        }
    }

    /// kernels [O, KH, KW, C] that images and results give back.
    func kernels(images: Tensor, results: Tensor, into output: Tensor) {
        let (samples, channels, filters) = (images.shape[0], images.shape[3], results.shape[3])
        let size = output.count
        if samples == 0 { return output.clear(on: workers) }
        let walk = StripWalk(form, channels: channels, elements: Self.stripElements)
        let groups = max(1, min(samples, Self.most.groups, Self.most.elements / size))
        // Too few groups are shared by the rows of the kernels.
        let shares = groups < Self.most.groups ? form.kernel[0] : 1
        let sums = Tensor(Spec([groups, size], dtype))  // [groups, KH · KW · C, O]
        sums.clear(on: workers)
        workers.run(groups * shares) { task in
            let (group, share) = task.quotientAndRemainder(dividingBy: shares)
            let downs = share * form.kernel[0] / shares..<(share + 1) * form.kernel[0] / shares
            let target = sums.address(at: group * size)
            for sample in samples * group / groups..<samples * (group + 1) / groups {
                for band in 0..<walk.bands {
                    let places = walk.rows(band)
                    walk.withStrip(of: images, sample, places) { strip in
                        let place = sample * form.places[0] + places.lowerBound
                        let right = results.address(at: place * form.places[1] * filters)
                        add(strip, places.count, right, filters, downs, walk, to: target)
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

    /// Adds what the pixels of a strip and their results give, to some rows of the kernels.
    private func add(
        _ strip: UnsafeRawPointer, _ rows: Int, _ right: UnsafeRawPointer, _ filters: Int,
        _ downs: Range<Int>, _ walk: StripWalk, to target: UnsafeMutableRawPointer
    ) {
        // The runs of one row of kernels, or of one element where they lie apart.
        let lines = walk.depth
        let lineRuns = Runs((0..<rows).map { $0 * walk.step.row })
        for run in 0..<walk.runs.count {
            let across = walk.runs.count / form.kernel[0]
            guard downs.contains(run / across) else { continue }
            let operands = ck_tile_operands(
                a: strip + walk.runs[run] * dtype.size, a_row: 1, a_column: walk.step.column,
                runs: lineRuns.address(), run_count: rows, b: right, b_row: filters,
                depth: form.places[1])
            multiply(
                target + run * lines * filters * dtype.size, filters, operands, lines, filters, 1)
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
private final class StripWalk {
    let form: ConvolutionForm
    let channels: Int
    /// How many strips an image is cut into.
    let bands: Int
    /// The runs of a window's elements that follow each other, and how long they are.
    let runs: Runs
    let depth: Int
    /// How far the windows of neighbouring results lie apart, a row below and to the right.
    let step: (row: Int, column: Int)
    /// The pixels of a strip's row.
    private let width: Int

    init(_ form: ConvolutionForm, channels: Int, elements: Int) {
        self.form = form
        self.channels = channels
        width = form.image[1] + form.low[1] + form.high[1]
        let line = width * channels
        let rows = max(1, elements / max(line * form.strides[0], 1))
        bands = (form.places[0] + rows - 1) / rows
        step = (form.strides[0] * line, form.strides[1] * channels)
        let downs = (0..<form.kernel[0]).map { $0 * form.dilation[0] * line }
        if form.dilation[1] == 1 {
            depth = form.kernel[1] * channels
            runs = Runs(downs)
        } else {
            let across = (0..<form.kernel[1]).map { $0 * form.dilation[1] * channels }
            depth = channels
            runs = Runs(downs.flatMap { down in across.map { down + $0 } })
        }
    }

    /// The rows of results that a strip serves.
    func rows(_ band: Int) -> Range<Int> {
        let rows = form.places[0]
        return rows * band / bands..<rows * (band + 1) / bands
    }

    /// Asks for a row of pixels that the next strip has where a strip of `count` rows of results has
    /// those of a row; the next image follows the last row.
    func fetch(_ images: Tensor, _ sample: Int, _ row: Int, _ count: Int) {
        let line = form.image[1] * channels
        let reach = (form.kernel[0] - 1) * form.dilation[0] - form.low[0]
        let source = (row + count) * form.strides[0] + reach
        let first = (sample * form.image[0] + source) * line
        guard first >= 0, first + line <= images.count else { return }
        ck_fetch(images.address(at: first), line * images.dtype.size)
    }

    /// Hands out the pixels around some rows of results, with the zeros of the padding.
    func withStrip(
        of images: Tensor, _ sample: Int, _ rows: Range<Int>,
        _ body: (UnsafeRawPointer) -> Void
    ) {
        let (height, across) = (form.image[0], form.image[1])
        let pixel = channels * images.dtype.size
        let image = images.address + sample * height * across * pixel
        let first = rows.lowerBound * form.strides[0] - form.low[0]
        if form.low[1] == 0, form.high[1] == 0, form.low[0] <= 0, form.high[0] <= 0 {
            return body(image + first * across * pixel)
        }
        let count = (rows.count - 1) * form.strides[0] + (form.kernel[0] - 1) * form.dilation[0] + 1
        // The columns of the image that a strip holds, and where.
        let left = max(form.low[1], 0)
        let from = max(-form.low[1], 0)
        let pixels = max(0, min(across - from, width - left))
        let strip = Tensor(Spec([max(count * width * channels, 1)], images.dtype))
        for row in 0..<count {
            let target = strip.address + row * width * pixel
            let source = first + row
            guard 0..<height ~= source, pixels > 0 else {
                memset(target, 0, width * pixel)
                continue
            }
            memset(target, 0, left * pixel)
            memcpy(
                target + left * pixel, image + (source * across + from) * pixel, pixels * pixel)
            memset(target + (left + pixels) * pixel, 0, (width - left - pixels) * pixel)
        }
        body(strip.address)
    }
}

/// The starts of runs in memory of their own, which a kernel reads.
private struct Runs {
    private let storage: Storage
    let count: Int

    init(_ starts: [Int]) {
        count = starts.count
        storage = Storage(byteCount: max(starts.count, 1) * MemoryLayout<Int>.size)
        for (index, start) in starts.enumerated() { storage.address.as(Int.self)[index] = start }
    }

    subscript(index: Int) -> Int { storage.address.as(Int.self)[index] }

    func address() -> UnsafePointer<Int> { UnsafePointer(storage.address.as(Int.self)) }
}
