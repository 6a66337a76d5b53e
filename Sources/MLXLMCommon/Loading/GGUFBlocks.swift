import MLX

/// Blocks of a GGUF file as MLX packs weights, or unpacked where it has no such groups.
///
/// Every 32 elements have a scale and a bias of their own; the codes stay, in another order: a block
/// pairs element e with e + 16 in a byte, MLX with its neighbour.
/// https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h
package enum GGUFBlocks {
    /// The elements that share a scale.
    package static let groupSize = 32

    /// A weight as it is kept.
    package enum Weight {
        case packed(words: MLXArray, scales: MLXArray, biases: MLXArray, bits: Int)
        case dense(MLXArray)
    }

    /// The weight [rows, columns] of a type's blocks.
    package static func weight(_ bytes: MLXArray, _ type: GGUFTensorType, _ shape: [Int]) -> Weight?
    {
        let (elements, size) = type.block
        let columns = shape.last ?? 1
        let rows = shape.dropLast().reduce(1, *)
        let blocks = Blocks(
            bytes: reshaped(bytes, [rows, columns / elements, size]), columns: columns)
        switch type {
        case .q4_0: return blocks.legacy(bits: 4, hasMinimum: false, zero: 8)
        case .q4_1: return blocks.legacy(bits: 4, hasMinimum: true, zero: 0)
        case .q5_0: return blocks.legacy(bits: 5, hasMinimum: false, zero: 16)
        case .q5_1: return blocks.legacy(bits: 5, hasMinimum: true, zero: 0)
        case .q8_0: return blocks.bytesOfEight()
        case .q4_k: return blocks.super(bits: 4)
        case .q5_k: return blocks.super(bits: 5)
        case .q2_k: return .dense(reshaped(blocks.twoBits(), shape))
        case .q3_k: return .dense(reshaped(blocks.threeBits(), shape))
        case .q6_k: return .dense(reshaped(blocks.sixBits(), shape))
        default: return nil
        }
    }

    /// Codes [rows, groups, 32] as MLX packs them, uint32 [rows, columns · bits / 32].
    static func packed(_ codes: MLXArray, bits: Int, columns: Int) -> MLXArray {
        let rows = codes.dim(0)
        let bytes: MLXArray
        switch bits {
        case 4:
            let pairs = split(reshaped(codes, [rows, -1, 2]), parts: 2, axis: -1)
            bytes = pairs[0] | (pairs[1] << 4)
        case 5:
            // Eight codes make 40 bits.
            let shifts = MLXArray((0..<8).map { UInt64(5 * $0) })
            let wide = (reshaped(codes, [rows, -1, 8]).asType(.uint64) << shifts).sum(axis: -1)
            let parts = reshaped(wide.asType(.uint64).view(dtype: .uint8), [rows, -1, 8])
            bytes = parts[0..., 0..., ..<5]
        default:
            bytes = codes
        }
        return reshaped(bytes, [rows, columns * bits / 8]).view(dtype: .uint32)
    }
}

/// The bytes of blocks, [rows, blocks, bytes of a block].
private struct Blocks {
    let bytes: MLXArray
    let columns: Int

    private var rows: Int { bytes.dim(0) }
    private var count: Int { bytes.dim(1) }

    private func part(_ range: Range<Int>) -> MLXArray { bytes[0..., 0..., range] }

    /// Numbers of 16 bits at a place of each block, [rows, blocks, 1].
    private func half(_ place: Int) -> MLXArray {
        contiguous(part(place..<place + 2)).view(dtype: .float16)
    }

    /// Low nibbles, then high ones, [rows, blocks, 32].
    private func nibbles(_ bytes: MLXArray) -> MLXArray {
        concatenated([bytes & 15, bytes >> 4], axis: -1)
    }

    /// A scale, a minimum, fifth bits, and nibbles.
    func legacy(bits: Int, hasMinimum: Bool, zero: Float) -> GGUFBlocks.Weight {
        let scales = half(0)[0..., 0..., 0]
        let biases = hasMinimum ? half(2)[0..., 0..., 0] : scales * -zero
        var place = hasMinimum ? 4 : 2
        var high: MLXArray?
        if bits == 5 {
            let word = contiguous(part(place..<place + 4)).view(dtype: .uint32)
            high = ((word >> MLXArray((0..<32).map { UInt32($0) })) & 1).asType(.uint8) << 4
            place += 4
        }
        let low = nibbles(part(place..<place + 16))
        let codes = high.map { low | $0 } ?? low
        return .packed(
            words: GGUFBlocks.packed(codes, bits: bits, columns: columns), scales: scales,
            biases: biases.asType(.float16), bits: bits)
    }

    /// A scale, and signed bytes, which are codes from -128 on.
    func bytesOfEight() -> GGUFBlocks.Weight {
        let scales = half(0)[0..., 0..., 0]
        return .packed(
            words: GGUFBlocks.packed(part(2..<34) ^ 128, bits: 8, columns: columns),
            scales: scales, biases: (scales * -128).asType(.float16), bits: 8)
    }

    /// Eight groups with scales and minima of six bits, relative to those of the block.
    func `super`(bits: Int) -> GGUFBlocks.Weight {
        let (scale, minimum) = sixBitScales(part(4..<16))
        let scales = half(0).asType(.float32) * scale.asType(.float32)
        let biases = -half(2).asType(.float32) * minimum.asType(.float32)
        let nibbleStart = bits == 5 ? 48 : 16
        let pieces = reshaped(part(nibbleStart..<nibbleStart + 128), [rows, count, 4, 32])
        var codes = stacked([pieces & 15, pieces >> 4], axis: 3)  // [rows, blocks, 4, 2, 32]
        if bits == 5 {
            let high = expandedDimensions(part(16..<48), axis: 2)  // [rows, blocks, 1, 32]
            let shifts = reshaped(MLXArray((0..<8).map { UInt8($0) }), [8, 1])
            codes = codes | reshaped(((high >> shifts) & 1) << 4, codes.shape)
        }
        return .packed(
            words: GGUFBlocks.packed(
                reshaped(codes, [rows, columns / 32, 32]), bits: bits, columns: columns),
            scales: reshaped(scales, [rows, columns / 32]),
            biases: reshaped(biases, [rows, columns / 32]), bits: bits)
    }

    /// Eight scales and eight minima of six bits from twelve bytes.
    private func sixBitScales(_ bytes: MLXArray) -> (MLXArray, MLXArray) {
        let parts = split(bytes, parts: 3, axis: -1)
        let (first, second, third) = (parts[0], parts[1], parts[2])
        let scales = [first & 63, (third & 15) | ((first >> 6) << 4)]
        let minima = [second & 63, (third >> 4) | ((second >> 6) << 4)]
        return (concatenated(scales, axis: -1), concatenated(minima, axis: -1))
    }

    /// Codes of two bits: halves of 32 bytes, each byte four codes 32 apart, [rows, blocks, 256].
    private func pairs(_ bytes: MLXArray) -> MLXArray {
        let halves = reshaped(bytes, [rows, count, 2, 1, 32])
        let shifts = reshaped(MLXArray([0, 2, 4, 6] as [UInt8]), [4, 1])
        return reshaped((halves >> shifts) & 3, [rows, count, 256])
    }

    /// Numbers for groups of 16, [rows, blocks, 16], for each element.
    private func spread(_ groups: MLXArray) -> MLXArray {
        repeated(groups.asType(.float32), count: 16, axis: -1)
    }

    func twoBits() -> MLXArray {
        let scales = part(0..<16)
        let codes = pairs(part(16..<80)).asType(.float32)
        return half(80).asType(.float32) * spread(scales & 15) * codes
            - half(82).asType(.float32) * spread(scales >> 4)
    }

    func threeBits() -> MLXArray {
        let mask = reshaped(part(0..<32), [rows, count, 1, 32])
        let bits = reshaped(MLXArray((0..<8).map { UInt8($0) }), [8, 1])
        let high = reshaped((mask >> bits) & 1, [rows, count, 256])
        let codes = (pairs(part(32..<96)) | (high << 2)).asType(.float32) - 4
        let packed = part(96..<108)
        let low = nibbles(packed[0..., 0..., ..<8])  // [rows, blocks, 16]
        let rest = reshaped(packed[0..., 0..., 8...], [rows, count, 1, 4])
        let shifts = reshaped(MLXArray([0, 2, 4, 6] as [UInt8]), [4, 1])
        let top = reshaped((rest >> shifts) & 3, [rows, count, 16])
        let scales = (low | (top << 4)).asType(.float32) - 32
        return half(108).asType(.float32) * spread(scales) * codes
    }

    func sixBits() -> MLXArray {
        let low = reshaped(part(0..<128), [rows, count, 2, 1, 64])
        let lows = concatenated([low & 15, low >> 4], axis: 3)  // [rows, blocks, 2, 2, 64]
        let high = reshaped(part(128..<192), [rows, count, 2, 1, 32])
        let shifts = reshaped(MLXArray([0, 2, 4, 6] as [UInt8]), [4, 1])
        let highs = reshaped((high >> shifts) & 3, [rows, count, 256])
        let codes = reshaped(lows, [rows, count, 256]) | (highs << 4)
        let scales = contiguous(part(192..<208)).view(dtype: .int8)
        return half(208).asType(.float32) * spread(scales) * (codes.asType(.float32) - 32)
    }
}
