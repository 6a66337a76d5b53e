/// The sizes of a convolution of images by kernels, two of each.
struct ConvolutionForm: Codable, Sendable, Equatable {
    /// The height and the width of the images and of the kernels.
    var image: [Int]
    let kernel: [Int]
    let strides: [Int]
    /// The zeros put before and behind; where negative, what is cut off.
    let low: [Int]
    let high: [Int]
    let dilation: [Int]

    /// The height and the width of the results; not positive where a kernel does not fit.
    var places: [Int] {
        (0..<2).map { axis in
            let size = image[axis] + low[axis] + high[axis]
            let reach = (kernel[axis] - 1) * dilation[axis] + 1
            return size < reach ? 0 : (size - reach) / strides[axis] + 1
        }
    }

    /// Of strides of one: the form that takes results back to images by the kernels turned round.
    var turnedRound: ConvolutionForm {
        let reach = (0..<2).map { (kernel[$0] - 1) * dilation[$0] }
        return ConvolutionForm(
            image: places, kernel: kernel, strides: strides,
            low: (0..<2).map { reach[$0] - low[$0] }, high: (0..<2).map { reach[$0] - high[$0] },
            dilation: dilation)
    }
}

/// The cross-correlation of images with kernels, or one of its two transposes: the three are the
/// derivatives of one form that is linear in images [N, H, W, C], kernels [O, KH, KW, C] and
/// results [N, OH, OW, O]; of groups, whose channels lie one behind the other, in kernels
/// [O, KH, KW, C / groups]; by channel, in kernels [C, KH, KW, 1] and results [N, OH, OW, C]. Both
/// inputs may have further axes before these.
struct ImageConvolution: Portable {
    /// Which of the three is computed, from the other two in this order.
    enum Part: String, Codable {
        case images, kernels, results
    }

    let form: ConvolutionForm
    var part: Part
    /// How many axes stand before those of a convolution; it is repeated along them.
    var leading = 0
    /// How many groups of channels are convolved apart; one by channel.
    var groups = 1
    /// Whether each channel has a kernel of its own, and is not mixed with others.
    var isByChannel = false

    var name: String { part == .results ? "conv2d" : "conv2dGradient" }

    func outputs(_ inputs: [Spec]) throws(MLXError) -> [Spec] {
        let (a, b) = (inputs[0], inputs[1])
        guard a.dtype == b.dtype, a.dtype.isFloatingPoint, !a.dtype.isComplex else {
            throw refusal("needs two arrays of one real type: got \(a) and \(b)")
        }
        guard a.shape.count == leading + 4, b.shape.count == leading + 4,
            a.shape.prefix(leading) == b.shape.prefix(leading)
        else {
            throw refusal(
                "needs arrays of four axes behind \(leading) that are alike: got shapes \(a.shape) "
                    + "and \(b.shape)")
        }
        let result = try resultShape(Array(a.shape.suffix(4)), Array(b.shape.suffix(4)))
        return [Spec(a.shape.prefix(leading) + result, a.dtype)]
    }

    private func resultShape(_ a: [Int], _ b: [Int]) throws(MLXError) -> [Int] {
        let places = form.places
        let kernels = part == .results ? b : a
        if isByChannel, part != .kernels, kernels[3] != 1 { throw channels(a, b) }
        func check(_ shape: [Int], _ sizes: [Int]) throws(MLXError) {
            if Array(shape[1...2]) != sizes {
                throw refusal("\(sizes) expected in the middle of shape \(shape)")
            }
        }
        guard places.allSatisfy({ $0 > 0 }) else {
            throw refusal(
                "a kernel of \(form.kernel) does not fit the padded size of \(form.image)")
        }
        switch part {
        case .results:
            try check(a, form.image)
            try check(b, form.kernel)
            guard a[3] == (isByChannel ? b[0] : b[3] * groups), b[0] % groups == 0 else {
                throw channels(a, b)
            }
            return [a[0]] + places + [b[0]]
        case .images:
            try check(a, form.kernel)
            try check(b, places)
            guard a[0] == b[3], a[0] % groups == 0 else { throw channels(a, b) }
            return [b[0]] + form.image + [isByChannel ? a[0] : a[3] * groups]
        case .kernels:
            try check(a, form.image)
            try check(b, places)
            guard a[0] == b[0], !isByChannel || a[3] == b[3], a[3] % groups == 0,
                b[3] % groups == 0
            else { throw channels(a, b) }
            return [b[3]] + form.kernel + [isByChannel ? 1 : a[3] / groups]
        }
    }

    private func channels(_ a: [Int], _ b: [Int]) -> MLXError {
        refusal("shapes \(a) and \(b) do not go together")
    }

    func eval(_ inputs: [Tensor], into outputs: [Tensor], on workers: Workers) {
        let isInPairs =
            outputs[0].dtype == .bfloat16 && !isByChannel
            && ConvolutionTiles.isInPairs(form, part, groups: groups, inputs[0])
        let dtype = isInPairs ? .bfloat16 : outputs[0].dtype.computed
        let ofKernels = part == .results ? inputs[1] : part == .images ? inputs[0] : outputs[0]
        guard outputs[0].count > 0,
            let tiles = tiles(dtype, kernels: Array(ofKernels.shape.suffix(4)), on: workers)
        else { return }
        let wide = outputs[0].computing(dtype)
        let operands = inputs.map { $0.converted(to: dtype, on: workers) }
        // Where strides pass over pixels, nothing is given back to them.
        if part == .images, !isByChannel, ConvolutionPhase.leaveGaps(in: form) {
            wide.clear(on: workers)
        }
        for index in 0..<wide.shape.prefix(leading).reduce(1, *) * groups {
            func share(_ tensor: Tensor, isOfKernels: Bool) -> Tensor {
                let (plane, group) = index.quotientAndRemainder(dividingBy: groups)
                let whole = self.plane(tensor, plane)
                return isOfKernels ? kernels(whole, group) : pixels(whole, group)
            }
            let a = share(operands[0], isOfKernels: part == .images)
            let b = share(operands[1], isOfKernels: part == .results)
            let output = share(wide, isOfKernels: part == .kernels)
            switch part {
            case .results: tiles.results(images: a, kernels: b, into: output)
            case .images: tiles.images(kernels: a, results: b, into: output)
            case .kernels: tiles.kernels(images: a, results: b, into: output)
            }
        }
        outputs[0].finish(wide, on: workers)
    }

    /// The kernels of a group.
    private func kernels(_ all: Tensor, _ group: Int) -> Tensor {
        var part = all
        part.layout = Layout(contiguous: [all.shape[0] / groups] + all.shape[1...])
        part.layout.offset = all.layout.offset + group * part.count
        return part
    }

    /// The channels of a group of images or of results.
    private func pixels(_ all: Tensor, _ group: Int) -> Tensor {
        let channels = all.shape[3] / groups
        return all.viewed(
            Slice(
                starts: [0, 0, 0, group * channels], steps: [1, 1, 1, 1],
                sizes: all.shape[..<3] + [channels]))
    }

    private func tiles(
        _ dtype: DType, kernels: [Int], on workers: Workers
    ) -> (any ConvolutionParts)? {
        if isByChannel { return ChannelTiles(form, dtype, on: workers) }
        let winograd = WinogradTiles(
            form, dtype, channels: kernels[3], filters: kernels[0] / groups, on: workers)
        return winograd ?? ConvolutionTiles(form, dtype, on: workers)
    }

    /// One convolution's part of a row-major tensor.
    private func plane(_ tensor: Tensor, _ index: Int) -> Tensor {
        var part = tensor
        part.layout = Layout(contiguous: Array(tensor.shape.suffix(4)))
        part.layout.offset = tensor.layout.offset + index * part.count
        return part
    }

    private func other(_ part: Part, _ a: MLXArray, _ b: MLXArray) -> MLXArray {
        var other = self
        other.part = part
        return MLXArray.apply(other, [a, b])
    }

    func vjp(_ call: Call, _ cotangents: [MLXArray?]) -> [MLXArray?] {
        guard let cotangent = cotangents[0] else { return [nil, nil] }
        let (a, b) = (call.inputs[0], call.inputs[1])
        let byFirst: MLXArray?
        let bySecond: MLXArray?
        switch part {
        case .results:
            byFirst = call.wanted[0] ? other(.images, b, cotangent) : nil
            bySecond = call.wanted[1] ? other(.kernels, a, cotangent) : nil
        case .images:
            byFirst = call.wanted[0] ? other(.kernels, cotangent, b) : nil
            bySecond = call.wanted[1] ? other(.results, cotangent, a) : nil
        case .kernels:
            byFirst = call.wanted[0] ? other(.images, cotangent, b) : nil
            bySecond = call.wanted[1] ? other(.results, a, cotangent) : nil
        }
        return [byFirst, bySecond]
    }

    func jvp(_ call: Call, _ tangents: [MLXArray?]) -> [MLXArray?] {
        BilinearOperation.convolution(self).jvp(call, tangents)
    }

    func vmap(_ inputs: [MLXArray], _ batch: Batch) -> [Batched] {
        // Images or results alone are only more of them.
        let samples = part == .images ? 1 : 0
        if leading == 0, part != .kernels, batch.isBatched[samples], !batch.isBatched[1 - samples] {
            var folded = inputs
            folded[samples] = flattened(inputs[samples], start: 0, end: 1)
            let result = MLXArray.apply(self, folded)
            let shape = [batch.size, result.dim(0) / max(batch.size, 1)] + result.shape.dropFirst()
            return [Batched(reshaped(result, shape))]
        }
        var wider = self
        wider.leading += 1
        return [Batched(MLXArray.apply(wider, batch.stretched(inputs)))]
    }
}

// What a call from a file must be.
extension ImageConvolution {
    func isSound(_ inputs: [Spec]) -> Bool {
        let sizes = [
            form.image, form.kernel, form.strides, form.low, form.high, form.dilation,
        ]
        guard inputs.count == 2, sizes.allSatisfy({ $0.count == 2 }), 0..<64 ~= leading
        else { return false }
        let most = 1 << 28
        let positive = [form.kernel, form.strides, form.dilation].joined()
        guard positive.allSatisfy({ 1...most ~= $0 }),
            form.image.allSatisfy({ 0...most ~= $0 }),
            (form.low + form.high).allSatisfy({ -most...most ~= $0 }),
            1...(isByChannel ? 1 : most) ~= groups
        else { return false }
        // A row of the padded image, and all its rows, can be counted.
        let padded = (0..<2).map { max(form.image[$0] + form.low[$0] + form.high[$0], 0) }
        let channels = inputs.compactMap { $0.shape.last }.max() ?? 0
        guard let all = Spec.product(max(channels, 1), groups) else { return false }
        return Spec.isShape(padded + [all])
    }
}
