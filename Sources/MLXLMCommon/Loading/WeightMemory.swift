import MLX

/// Memory that holds many weights side by side.
///
/// Large memory lies on huge pages, and matrices that are smaller than such a page do not, unless they
/// share it: they are read half as fast again, since the processor looks ahead to the end of a page.
package enum WeightMemory {
    /// The bytes that lie together, and those that are not worth it.
    private static let (piece, least) = (32 << 20, 8 << 20)
    private static let alignment = 64

    /// Arrays with the same elements, in pieces of memory that neighbours share.
    package static func joined(_ arrays: [MLXArray]) -> [MLXArray] {
        var (joined, first): ([MLXArray], Int) = ([], 0)
        while first < arrays.count {
            var (end, bytes) = (first, 0)
            while end < arrays.count, bytes < piece {
                bytes += arrays[end].nbytes
                end += 1
            }
            let group = Array(arrays[first..<end])
            joined += bytes < least ? group : inOne(group)
            first = end
        }
        return joined
    }

    private static func inOne(_ arrays: [MLXArray]) -> [MLXArray] {
        var (parts, places, end): ([MLXArray], [Range<Int>], Int) = ([], [], 0)
        for array in arrays {
            places.append(end..<end + array.nbytes)
            parts.append(flattened(array).view(dtype: .uint8))
            let gap = (alignment - array.nbytes % alignment) % alignment
            if gap > 0 { parts.append(MLXArray.zeros([gap], dtype: .uint8)) }
            end += array.nbytes + gap
        }
        let all = concatenated(parts)
        return zip(arrays, places).map { array, place in
            reshaped(all[place].view(dtype: array.dtype), array.shape)
        }
    }
}
