import CKernels

/// One matrix of packed weights, row-major: what its products read.
struct QuantizedMatrix {
    let format: QuantizationFormat
    let words: Tensor
    private let scales: Tensor
    private let biases: Tensor?
    /// The type that scales, biases and elements are computed in: float32 or float64.
    let computed: DType
    let rows: Int
    /// The elements and the groups of a row.
    let columns: Int
    let groups: Int

    /// A matrix of the words, scales and biases of one plane, wherever they lie.
    init(
        _ format: QuantizationFormat, _ parts: [Tensor], computed: DType, on workers: Workers
    ) {
        self.format = format
        self.computed = computed
        words = parts[0].contiguous(on: workers)
        scales = parts[1].contiguous(on: workers)
        biases = format.isAffine ? parts[2].contiguous(on: workers) : nil
        rows = words.shape[0]
        columns = format.codes(inWords: words.shape[1])
        groups = columns / format.groupSize
    }

    /// Calls the body with the scales and biases of `count` groups from a place on.
    func withScales(
        _ start: Int, _ count: Int,
        _ body: (UnsafeMutableRawPointer, UnsafeMutableRawPointer?) -> Void
    ) {
        let size = computed.size
        let convert = format.scales(scales.dtype, as: computed)
        let convertBiases = biases.flatMap { format.scales($0.dtype, as: computed) }
        if convert == nil, convertBiases == nil {
            return body(scales.address(at: start), biases?.address(at: start))
        }
        withThreadMemory(2 * count * size) { base in
            var found = scales.address(at: start)
            if let convert {
                convert(base, found, count)
                found = base
            }
            guard let biases else { return body(found, nil) }
            guard let convertBiases else { return body(found, biases.address(at: start)) }
            convertBiases(base + count * size, biases.address(at: start), count)
            body(found, base + count * size)
        }
    }

    /// Writes the elements of some groups of all rows in a range below each other.
    func dequantize(_ rows: Range<Int>, groups range: Range<Int>, to out: UnsafeMutableRawPointer) {
        guard let kernel = format.dequantize(computed) else { return }
        let width = range.count * format.groupSize
        for (position, row) in rows.enumerated() {
            let first = row * groups + range.lowerBound
            withScales(first, range.count) { scales, biases in
                kernel(
                    out + position * width * computed.size,
                    words.address(at: format.words(first * format.groupSize)), scales, biases,
                    range.count, format.groupSize)
            }
        }
    }
}
