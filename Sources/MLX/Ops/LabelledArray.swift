/// An array with a label for each axis, as sums over shared axes see it.
struct LabelledArray {
    let array: MLXArray
    let labels: [Int]

    init(_ array: MLXArray, _ labels: [Int]) {
        self.array = array
        self.labels = labels
    }

    /// The array with the diagonal of axes that have the same label, and without axes of size 1
    /// where others have more.
    func simplified(_ sizes: [Int: Int]) -> LabelledArray {
        let stretched = labels.indices.filter { array.dim($0) == 1 && sizes[labels[$0]] != 1 }
        if !stretched.isEmpty {
            let rest = labels.indices.filter { !stretched.contains($0) }
            let narrow = reshaped(array, rest.map { array.dim($0) })
            return LabelledArray(narrow, rest.map { labels[$0] }).simplified(sizes)
        }
        for first in labels.indices {
            guard let second = labels[(first + 1)...].firstIndex(of: labels[first]) else {
                continue
            }
            let rest = labels.indices.filter { $0 != first && $0 != second }
            let result = LabelledArray(
                diagonal(array, axis1: first, axis2: second),
                rest.map { labels[$0] } + [labels[first]])
            return result.simplified(sizes)
        }
        return self
    }

    /// The sum over all axes but those with some labels.
    func summed(keeping kept: Set<Int>) -> LabelledArray {
        let gone = labels.indices.filter { !kept.contains(labels[$0]) }
        if gone.isEmpty { return self }
        let total = sum(array, axes: gone).asType(array.dtype)
        return LabelledArray(total, labels.filter { kept.contains($0) })
    }

    /// The array with its axes in the order of labels, which it all has.
    func ordered(as target: [Int]) -> MLXArray {
        if target == labels { return array }
        return transposed(array, axes: target.compactMap { labels.firstIndex(of: $0) })
    }

    /// The product of two arrays, summed over the axes whose labels are not kept.
    func product(_ other: LabelledArray, keeping kept: Set<Int>) -> LabelledArray {
        let a = summed(keeping: kept.union(other.labels))
        let b = other.summed(keeping: kept.union(labels))
        let shared = a.labels.filter { b.labels.contains($0) }
        let batch = shared.filter { kept.contains($0) }
        let joined = shared.filter { !kept.contains($0) }
        let left = a.labels.filter { !shared.contains($0) }
        let right = b.labels.filter { !shared.contains($0) }
        if joined.isEmpty || !a.array.dtype.isFloatingPoint {
            let product =
                a.stretched(batch + joined + left, b) * b.stretched(batch + joined, a, right)
            let all = LabelledArray(product, batch + joined + left + right)
            return all.summed(keeping: kept)
        }
        let rows = a.joined(batch, left, joined)  // [batch…, left, joined]
        let columns = b.joined(batch, joined, right)  // [batch…, joined, right]
        let sizes = batch.map(a.size) + left.map(a.size) + right.map(b.size)
        return LabelledArray(reshaped(matmul(rows, columns), sizes), batch + left + right)
    }

    private func size(_ label: Int) -> Int {
        labels.firstIndex(of: label).map { array.dim($0) } ?? 1
    }

    /// The axes of some labels one by one, then those of others joined to two.
    private func joined(_ batch: [Int], _ rows: [Int], _ columns: [Int]) -> MLXArray {
        let sizes = [rows, columns].map { $0.reduce(1) { $0 * size($1) } }
        return reshaped(ordered(as: batch + rows + columns), batch.map(size) + sizes)
    }

    /// The axes in the order of labels, then one of size 1 for each further axis of the other array.
    private func stretched(_ front: [Int], _ other: LabelledArray) -> MLXArray {
        let added = other.labels.count { !front.contains($0) }
        return reshaped(
            ordered(as: front), front.map(size) + [Int](repeating: 1, count: added))
    }

    /// The axes of the labels in front, one of size 1 for each further axis of the other array, and
    /// the axes of the labels behind.
    private func stretched(_ front: [Int], _ other: LabelledArray, _ back: [Int]) -> MLXArray {
        let added = other.labels.count { !front.contains($0) }
        return reshaped(
            ordered(as: front + back),
            front.map(size) + [Int](repeating: 1, count: added) + back.map(size))
    }
}
