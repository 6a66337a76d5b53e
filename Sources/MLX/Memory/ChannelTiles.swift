import CKernels
import Glibc

/// Convolutions of images by one kernel a channel, vectors of channels at a time.
///
/// Work is cut by the shapes alone, and results are summed in one order, so that their bits do not
/// depend on the number of threads.
struct ChannelTiles: ConvolutionParts {
    private let form: ConvolutionForm
    private let dtype: DType
    private let products: ck_window_product
    private let spread: ck_window_product
    private let kernelSums: ck_window_product
    private let workers: Workers

    /// Sums for kernels are made by at most so many groups of strips.
    private static let mostGroups = 16

    /// For arrays of float32 or float64; nil for other types.
    init?(_ form: ConvolutionForm, _ dtype: DType, on workers: Workers) {
        guard let products = ck_channel_products(dtype.code),
            let spread = ck_channel_spread(dtype.code),
            let kernelSums = ck_channel_kernels(dtype.code)
        else { return nil }
        (self.products, self.spread, self.kernelSums) = (products, spread, kernelSums)
        self.form = form
        self.dtype = dtype
        self.workers = workers
    }

    /// results [N, OH, OW, C] of images [N, H, W, C] and kernels [C, KH, KW, 1], row-major.
    func results(images: Tensor, kernels: Tensor, into output: Tensor) {
        let factors = kernels.turned(rows: kernels.shape[0], on: workers)  // [KH · KW, C]
        convolve(images, form, factors, into: output)
    }

    /// images [N, H, W, C] that kernels and results give back.
    func images(kernels: Tensor, results: Tensor, into output: Tensor) {
        let factors = kernels.turned(rows: kernels.shape[0], on: workers)
        guard form.strides == [1, 1] else { return spread(factors, results, into: output) }
        // The transpose of a dense convolution is one by the kernels turned round.
        let back = Tensor(Spec(factors.shape, dtype))
        let (taps, line) = (factors.shape[0], factors.shape[1])
        for tap in 0..<taps {
            back.address(at: tap * line).copyMemory(
                from: factors.address(at: (taps - 1 - tap) * line), byteCount: line * dtype.size)
        }
        convolve(results, form.turnedRound, back, into: output)
    }

    /// Makes every place of the output from the strip of an image around it.
    private func convolve(
        _ images: Tensor, _ form: ConvolutionForm, _ kernels: Tensor, into output: Tensor
    ) {
        let (products, size, samples, channels) = (
            products, dtype.size, images.shape[0], images.shape[3]
        )
        let walk = StripWalk(form, channels: channels, apart: channels, itemSize: size)
        let row = ChannelRow(form, line: walk.line, channels: channels)
        let (source, factors, target) = (images.address, kernels.address, output.address)
        let line = walk.places.width * channels * size
        // Several small images make a task.
        let share = walk.imagesOfTask
        workers.run((samples + share - 1) / share * walk.bands) { task in
            let (part, band) = task.quotientAndRemainder(dividingBy: walk.bands)
            let places = walk.rows(band)
            var windows = row.windows
            walk.withRoom { room in
                for sample in part * share..<min(samples, (part + 1) * share) {
                    let strip = walk.strip(of: source + sample * walk.imageBytes, places, in: room)
                    for row in places {
                        products(
                            target + (sample * walk.places.height + row) * line,
                            strip + (row - places.lowerBound) * walk.step.row * size, factors,
                            &windows)
                    }
                }
            }
        }
        withExtendedLifetime(row) {}
    }

    /// Every result gives its share to all pixels under the kernel.
    private func spread(_ kernels: Tensor, _ results: Tensor, into output: Tensor) {
        let (spread, size, channels) = (spread, dtype.size, output.shape[3])
        let padded = PaddedImage(form, channels: channels, apart: channels, itemSize: size)
        let row = ChannelRow(form, line: padded.line, channels: channels)
        let (factors, source, target) = (kernels.address, results.address, output.address)
        let (rows, line) = (form.places[0], form.places[1] * channels * size)
        let step = form.strides[0] * padded.line
        workers.run(results.shape[0]) { sample in
            var windows = row.windows
            padded.withSums { sums, _ in
                for row in 0..<rows {
                    spread(
                        sums + (padded.origin + row * step) * size,
                        source + (sample * rows + row) * line, factors, &windows)
                }
                padded.copy(from: sums, to: target + sample * padded.imageBytes)
            }
        }
        withExtendedLifetime(row) {}
    }

    /// kernels [C, KH, KW, 1] that images and results give back.
    func kernels(images: Tensor, results: Tensor, into output: Tensor) {
        let (samples, channels) = (images.shape[0], images.shape[3])
        let (kernelSums, size, count) = (kernelSums, dtype.size, output.count)
        let walk = StripWalk(form, channels: channels, apart: channels, itemSize: size)
        let strips = samples * walk.bands
        if strips == 0 { return output.clear(on: workers) }
        let row = ChannelRow(form, line: walk.line, channels: channels)
        let groups = min(strips, Self.mostGroups)
        let sums = Tensor(Spec([groups, count], dtype))  // [groups, KH · KW · C]
        sums.clear(on: workers)
        let (source, right, target) = (images.address, results.address, sums.address)
        let line = walk.places.width * channels * size
        workers.run(groups) { group in
            var windows = row.windows
            walk.withRoom { room in
                for index in strips * group / groups..<strips * (group + 1) / groups {
                    let (sample, band) = index.quotientAndRemainder(dividingBy: walk.bands)
                    let places = walk.rows(band)
                    let strip = walk.strip(of: source + sample * walk.imageBytes, places, in: room)
                    for row in places {
                        kernelSums(
                            target + group * count * size,
                            strip + (row - places.lowerBound) * walk.step.row * size,
                            right + (sample * walk.places.height + row) * line, &windows)
                    }
                }
            }
        }
        withExtendedLifetime(row) {}
        var whole = sums.joined(on: workers)
        whole.layout = Layout(contiguous: [count / channels, channels])
        let turned = whole.turned(rows: count / channels, on: workers)
        output.address.copyMemory(from: turned.address, byteCount: count * size)
    }
}

/// The windows of a row of results, in rows of so many elements.
private final class ChannelRow: @unchecked Sendable {
    // Unchecked: nothing changes.
    let windows: ck_windows
    private let taps: Tensor

    init(_ form: ConvolutionForm, line: Int, channels: Int) {
        taps = Tensor(Spec(form.kernel, .int64))
        for index in 0..<taps.count {
            let (down, across) = index.quotientAndRemainder(dividingBy: form.kernel[1])
            taps.address.as(Int.self)[index] =
                down * form.dilation[0] * line + across * form.dilation[1] * channels
        }
        windows = ck_windows(
            taps: UnsafePointer(taps.address.as(Int.self)), tap_count: taps.count,
            step: form.strides[1] * channels, width: form.places[1], channels: channels)
    }
}
