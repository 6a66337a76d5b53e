import Foundation

extension MLXArray {
    /// Whether ``asData(access:)`` may hand out the array's own memory.
    public enum AccessMethod: Sendable {
        /// Copies the elements, row-major.
        case copy
        /// Hands out the array's memory if it is row-major, else a row-major copy.
        case noCopyIfContiguous
        /// Hands out the array's memory; `strides` tell where the elements lie. An axis that is
        /// walked backwards forces a copy.
        case noCopy
    }

    /// The elements of an array as bytes, and how to find them.
    public struct MLXArrayData: Sendable {
        /// The bytes; those of the first element come first. They must not be changed where they
        /// are the array's own.
        public let data: Data
        /// The sizes of the axes.
        public let shape: [Int]
        /// The distance between neighbours of each axis, in elements.
        public let strides: [Int]
        /// The type of the elements.
        public let dType: DType
    }

    /// The elements as bytes; computes the array.
    public func asData(access: AccessMethod = .copy) -> MLXArrayData {
        let tensor = self.tensor
        let isShared =
            switch access {
            case .copy: false
            case .noCopyIfContiguous: tensor.layout.isContiguous
            case .noCopy: tensor.layout.strides.allSatisfy { $0 >= 0 }
            }
        if !isShared {
            return MLXArrayData(
                data: withBytes(self) { Data($0) }, shape: shape,
                strides: Layout.rowStrides(shape), dType: dtype)
        }
        let data = Data(
            bytesNoCopy: tensor.address, count: tensor.layout.extent * dtype.size,
            deallocator: .custom { _, _ in withExtendedLifetime(tensor.storage) {} })
        return MLXArrayData(data: data, shape: shape, strides: tensor.layout.strides, dType: dtype)
    }

    /// A copy of the elements that the bytes hold in row-major order; one axis unless a shape is
    /// given. Traps where the bytes do not fill the shape.
    public convenience init(
        _ data: Data, _ shape: (some Collection<Int>)? = [Int]?.none, type: (some HasDType).Type
    ) {
        self.init(data, shape, dtype: type.dtype)
    }

    /// A copy of the elements that the bytes hold in row-major order; one axis unless a shape is
    /// given. Traps where the bytes do not fill the shape.
    public convenience init(
        _ data: Data, _ shape: (some Collection<Int>)? = [Int]?.none, dtype: DType
    ) {
        let spec = Spec(shape.map { Array($0) } ?? [data.count / dtype.size], dtype)
        precondition(
            spec.byteCount == data.count,
            "\(data.count) bytes do not fill \(spec.shape) of \(dtype)")
        self.init(data.withUnsafeBytes { Tensor(copying: $0, spec) })
    }

    /// A copy of what ``asData(access:)`` has given, with the same strides. Traps where the strides
    /// lead out of the bytes.
    public convenience init(data: MLXArrayData) {
        let layout = Layout(shape: data.shape, strides: data.strides)
        let count = layout.extent
        precondition(
            layout.strides.count == layout.shape.count && layout.strides.allSatisfy { $0 >= 0 }
                && count * data.dType.size <= data.data.count,
            "shape \(layout.shape) with strides \(layout.strides) leads out of the data")
        let bytes = data.data.prefix(count * data.dType.size)
        var tensor = bytes.withUnsafeBytes { Tensor(copying: $0, Spec([count], data.dType)) }
        tensor.layout = layout
        self.init(tensor)
    }
}

extension Layout {
    /// The number of elements from the first in memory to the last, where no stride is negative.
    fileprivate var extent: Int {
        if count == 0 { return 0 }
        return zip(shape, strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
    }
}
