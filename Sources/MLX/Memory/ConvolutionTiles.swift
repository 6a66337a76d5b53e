import CKernels
import Glibc

/// Computes a convolution's results, and the two transposes; all tensors are row-major, but pixels of
/// images and of results may lie further apart than their channels are many.
protocol ConvolutionParts {
    func results(images: Tensor, kernels: Tensor, into output: Tensor)
    func images(kernels: Tensor, results: Tensor, into output: Tensor)
    func kernels(images: Tensor, results: Tensor, into output: Tensor)
}

/// Convolutions of images as products of small matrices that are read where they lie: the pixels of
/// a padded strip of an image on the left, the kernels on the right. No windows are copied.
///
/// Work is cut by the shapes alone, and results are summed in one order, so that their bits do not
/// depend on the number of threads. What runs on them uses numbers and addresses alone: references
/// would be counted by all threads in one place.
final class ConvolutionTiles: ConvolutionParts {
    let form: ConvolutionForm
    private let dtype: DType
    /// The numbers that are multiplied at a time: pairs of bfloat16 count as elements of 4 bytes.
    private let unit: Int
    private let multiply: ck_tile
    let workers: Workers

    /// The columns of kernels that meet a strip before the next ones do; they lie in one piece.
    private static let columns = 32
    /// Sums for kernels are made by at most so many groups of images, of at most so many elements.
    static let most = (groups: 16, elements: 8 << 20)

    /// For arrays of float32 or float64, or of bfloat16 where it ``isInPairs(_:_:_:)``;
    /// nil for other types.
    init?(_ form: ConvolutionForm, _ dtype: DType, on workers: Workers) {
        unit = dtype == .bfloat16 ? 2 : 1
        guard let multiply = unit == 2 ? ck_tile_multiply_pairs(0) : ck_tile_multiply(dtype.code)
        else { return nil }
        self.multiply = multiply
        self.form = form
        self.dtype = dtype
        self.workers = workers
    }

    /// Whether images are given back by convolutions of the results: that is much less work than to
    /// spread these, unless there are few channels or gaps between the windows.
    static func isTurned(_ form: ConvolutionForm, channels: Int) -> Bool {
        func vectors(_ count: Int) -> Int { (count + 15) / 16 }
        let taps = form.kernel[0] * form.kernel[1]
        return ConvolutionPhase.exist(for: form)
            && 2 * vectors(channels) * taps < 3 * vectors(channels * taps)
    }

    /// The bytes of an element that is multiplied.
    private var size: Int { dtype.size * unit }

    /// results [N, OH, OW, O] of images [N, H, W, C] and kernels [O, KH, KW, C], row-major.
    func results(images: Tensor, kernels: Tensor, into output: Tensor) {
        let filters = kernels.shape[0]
        let (size, depth) = (size, kernels.count / filters / unit)
        let source = kernels.address
        let right = panels(columns: filters, depth: depth) { panel, columns in
            ck_copy_2d(
                panel, source + columns.lowerBound * depth * size, depth, columns.count,
                Self.columns, 1, 1, depth, Int32(size))
        }
        let walk = StripWalk(
            form, channels: images.shape[3] / unit, apart: images.pixelStride / unit,
            itemSize: size)
        convolve(images, walk, right, columns: filters, into: Places(output))
    }

    /// images [N, H, W, C] that kernels and results give back.
    func images(kernels: Tensor, results: Tensor, into output: Tensor) {
        let (filters, channels) = (kernels.shape[0], kernels.shape[3])
        let taps = form.kernel[0] * form.kernel[1]
        guard Self.isTurned(form, channels: channels) else {
            return spread(kernels, results, into: output)
        }
        let (item, unit, source, width) = (dtype.size, unit, kernels.address, form.kernel[1])
        for phase in ConvolutionPhase.all(of: form) where !phase.isEmpty {
            let count = phase.form.kernel[0] * phase.form.kernel[1]
            let walk = StripWalk(
                phase.form, channels: filters / unit, apart: results.pixelStride / unit,
                itemSize: size)
            let right = panels(columns: channels, depth: count * filters / unit) { panel, columns in
                for row in 0..<count * filters {
                    let (tap, filter) = row.quotientAndRemainder(dividingBy: filters)
                    let element = filter * taps + phase.element(tap, width: width)
                    let place = row / unit * Self.columns * unit + row % unit
                    ck_copy_2d(
                        panel + place * item,
                        source + (element * channels + columns.lowerBound) * item, 1,
                        columns.count, 0, unit, 0, 1, Int32(item))
                }
            }
            convolve(
                results, walk, right, columns: channels,
                into: Places(output, first: phase.first, step: phase.step))
        }
    }

    /// Where the results of a convolution go: elements from one to the next, and the first one.
    private struct Places {
        let address: UnsafeMutableRawPointer
        let sample: Int
        let row: Int
        let column: Int

        /// Pixels of images [N, H, W, C], from a first one on, some rows and columns apart.
        init(_ images: Tensor, first: [Int] = [0, 0], step: [Int] = [1, 1]) {
            let pixel = images.pixelStride
            let line = images.shape[2] * pixel
            address = images.address(at: first[0] * line + first[1] * pixel)
            (sample, row, column) = (images.shape[1] * line, step[0] * line, step[1] * pixel)
        }
    }

    /// Kernels as a matrix of so many columns, in panels of a few columns each.
    private func panels(
        columns: Int, depth: Int, _ fill: (UnsafeMutableRawPointer, Range<Int>) -> Void
    ) -> Tensor {
        let count = (columns + Self.columns - 1) / Self.columns
        let panels = Tensor(Spec([count, depth, Self.columns * unit], dtype))
        let (address, bytes) = (panels.address, depth * Self.columns * size)
        workers.run(count) { index in
            let first = index * Self.columns
            fill(address + index * bytes, first..<min(columns, first + Self.columns))
        }
        return panels
    }

    /// Makes every place of the output from the strip of an image around it.
    private func convolve(
        _ images: Tensor, _ walk: StripWalk, _ right: Tensor, columns: Int, into places: Places
    ) {
        let (multiply, size, item) = (multiply, size, dtype.size)
        let samples = images.shape[0]
        let (source, kernels) = (images.address, right.address)
        let end = source + samples * walk.imageBytes
        let depth = right.shape[1]
        // Several small images make a task.
        let share = walk.imagesOfTask
        workers.run((samples + share - 1) / share * walk.bands) { task in
            let (part, band) = task.quotientAndRemainder(dividingBy: walk.bands)
            let rows = walk.rows(band)
            walk.withRoom { room in
                for sample in part * share..<min(samples, (part + 1) * share) {
                    let image = source + sample * walk.imageBytes
                    let strip = walk.strip(of: image, rows, in: room)
                    for column in stride(from: 0, to: columns, by: Self.columns) {
                        for row in rows {
                            if column == 0 { walk.fetch(image, row + rows.count, before: end) }
                            let runs = walk.runs(row)
                            let first = column * depth + runs.lowerBound * walk.depth * Self.columns
                            let operands = ck_tile_operands(
                                a: strip + (row - rows.lowerBound) * walk.step.row * size,
                                a_row: walk.step.column, a_column: 1,
                                runs: room.runs + runs.lowerBound, run_count: runs.count,
                                b: kernels + first * size, b_row: Self.columns, depth: walk.depth)
                            let place = sample * places.sample + row * places.row + column
                            multiply(
                                places.address + place * item, places.column, operands,
                                walk.places.width, min(Self.columns, columns - column), 0)
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
        guard let accumulate = ck_accumulate_2d(dtype.code) else { return }
        let padded = PaddedImage(
            form, channels: channels, apart: output.pixelStride, itemSize: dtype.size)
        let apart = results.pixelStride
        let (strides, dilation) = (
            (form.strides[0], form.strides[1]), (form.dilation[0], form.dilation[1])
        )
        let (across, size) = (form.kernel[1], dtype.size)
        let multiply = multiply
        let (right, source, target) = (kernels.address, results.address, output.address)
        workers.run(results.shape[0]) { sample in
            padded.withSums(and: width * taps * channels * size) { sums, shares in
                var start = 0
                for row in 0..<rows {
                    withUnsafePointer(to: &start) { start in
                        let operands = ck_tile_operands(
                            a: source + (sample * rows + row) * width * apart * size,
                            a_row: apart, a_column: 1, runs: start, run_count: 1, b: right,
                            b_row: taps * channels, depth: filters)
                        multiply(shares, taps * channels, operands, width, taps * channels, 0)
                    }
                    for tap in 0..<taps {
                        let y = row * strides.0 + tap / across * dilation.0
                        let x = tap % across * dilation.1
                        let into = sums + (padded.origin + y * padded.line + x * channels) * size
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
                padded.copy(from: sums, to: target + sample * padded.imageBytes)
            }
        }
    }

    /// kernels [O, KH, KW, C] that images and results give back.
    func kernels(images: Tensor, results: Tensor, into output: Tensor) {
        let (samples, channels, filters) = (images.shape[0], images.shape[3], results.shape[3])
        let size = output.count
        if samples == 0 { return output.clear(on: workers) }
        if unit == 2 { return kernelsInPairs(images, results, into: output) }
        let (walk, apart) = (
            StripWalk(
                form, channels: channels, apart: images.pixelStride, itemSize: dtype.size),
            results.pixelStride
        )
        let groups = max(1, min(samples, Self.most.groups, Self.most.elements / size))
        // Too few groups for the threads are shared by the rows of the kernels.
        let shares = groups < max(Self.most.groups, 3 * Workers.count) ? form.kernel[0] : 1
        let sums = Tensor(Spec([groups, size], dtype))  // [groups, KH · KW · C, O]
        sums.clear(on: workers)
        let (multiply, itemSize, kernelRows) = (multiply, dtype.size, form.kernel[0])
        let (source, right, target) = (images.address, results.address, sums.address)
        let line = walk.places.width * apart * itemSize
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
                        for run in downs.lowerBound * across..<downs.upperBound * across {
                            let rows = walk.rows(places, with: run)
                            if rows.isEmpty { continue }
                            let place = sample * walk.places.height + rows.lowerBound
                            let operands = ck_tile_operands(
                                a: strip + room.runs[run] * itemSize, a_row: 1,
                                a_column: walk.step.column,
                                runs: room.lines + rows.lowerBound - places.lowerBound,
                                run_count: rows.count, b: right + place * line, b_row: apart,
                                depth: walk.places.width)
                            multiply(
                                target + (group * size + run * walk.depth * filters) * itemSize,
                                filters, operands, walk.depth, filters, 1)
                        }
                    }
                }
            }
        }
        sums.writeKernels(filters, into: output, on: workers)
    }
}

extension Tensor {
    /// The elements from one pixel to the next of images [N, H, W, C].
    var pixelStride: Int { layout.stride(2) }

    /// Writes kernels [O, KH, KW, C], of so many filters, of sums [groups, KH · KW · C · O].
    func writeKernels(_ filters: Int, into output: Tensor, on workers: Workers) {
        let left = joined(on: workers)
        let size = output.count
        guard let transpose = ck_tile_transpose(output.dtype.code) else { return }
        workers.forRanges(of: size / filters, grain: 256) { range in
            transpose(
                output.address(at: range.lowerBound), size / filters,
                left.address(at: range.lowerBound * filters), filters, 1, range.count, filters, 1)
        }
    }
}
