import Glibc

extension MLXArray: CustomStringConvertible {
    /// The elements, computed, and their type: `array([1, 2, 3], dtype=int32)`. Of an axis longer
    /// than six only the first and last three are written.
    public var description: String {
        let text = ElementText(tensor: tensor)
        return "array(\(text.rows(axis: 0, at: 0)), dtype=\(dtype))"
    }
}

/// Writes the elements of computed memory as text.
private struct ElementText {
    let tensor: Tensor

    /// The elements from `axis` inwards, from an element offset on.
    func rows(axis: Int, at offset: Int) -> String {
        let layout = tensor.layout
        if axis == layout.shape.count { return element(offset) }
        let size = layout.shape[axis]
        let row = { (index: Int) in rows(axis: axis + 1, at: offset + index * layout.stride(axis))
        }
        let items =
            size > 6
            ? (0..<3).map(row) + ["..."] + (size - 3..<size).map(row) : (0..<size).map(row)
        let isInnermost = axis == layout.shape.count - 1
        // Rows stand below each other, behind `array(` and the open brackets.
        let separator = isInnermost ? ", " : ",\n" + String(repeating: " ", count: 7 + axis)
        return "[\(items.joined(separator: separator))]"
    }

    private func element(_ offset: Int) -> String {
        let dtype = tensor.dtype
        if dtype == .bool { return value(offset, as: UInt8.self) == 0 ? "false" : "true" }
        if dtype == .uint64 { return "\(value(offset, as: UInt64.self))" }
        if dtype.isComplex {
            let real = value(2 * offset, as: Float.self)
            let imaginary = value(2 * offset + 1, as: Float.self)
            let sign = imaginary >= 0 || imaginary.isNaN ? "+" : ""
            return "\(sixDigits(Double(real)))\(sign)\(sixDigits(Double(imaginary)))j"
        }
        if dtype.isInteger { return "\(converted(offset, to: .int64, as: Int64.self))" }
        return sixDigits(converted(offset, to: .float64, as: Double.self))
    }

    private func value<Value: BitwiseCopyable>(_ offset: Int, as type: Value.Type) -> Value {
        withExtendedLifetime(tensor.storage) {
            tensor.address.loadUnaligned(
                fromByteOffset: offset * MemoryLayout<Value>.size, as: type)
        }
    }

    private func converted<Value: Numeric & BitwiseCopyable>(
        _ offset: Int, to target: DType, as type: Value.Type
    ) -> Value {
        var result = Value.zero
        withExtendedLifetime(tensor.storage) {
            Kernels.convert(from: tensor.dtype, to: target)(
                &result, tensor.address + offset * tensor.dtype.size, 1)
        }
        return result
    }
}

/// A number as C++ writes it: at most six significant digits.
private func sixDigits(_ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
        guard let base = buffer.baseAddress else { return "" }
        let count = withVaList([value]) { vsnprintf(base, buffer.count, "%g", $0) }
        return String(
            decoding: buffer.prefix(Int(count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
