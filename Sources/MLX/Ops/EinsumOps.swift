/// Einstein's sum convention: products of the operands' elements, summed over the indices that
/// the result does not name.
///
/// The subscripts are letters, one an axis, with commas between the operands: `ij,jk->ik` is the
/// matrix product. An index that one operand names twice takes the diagonal; `...` stands for axes
/// that broadcast. Without `->` the result names, after the axes of `...`, the indices that
/// occur once, in alphabetical order. Axes of size 1 broadcast.
///
/// Operands are multiplied two at a time; next come always the two whose product needs the least
/// memory beyond their own.
public func einsum(_ subscripts: String, _ operands: MLXArray..., stream: StreamOrDevice = .default)
    -> MLXArray
{
    einsum(subscripts, operands: operands)
}

/// See ``einsum(_:_:)``.
public func einsum(
    _ subscripts: String, operands: some Collection<MLXArray>, stream: StreamOrDevice = .default
) -> MLXArray {
    let arrays = Array(operands)
    do throws(MLXError) {
        let formula = try EinsumFormula(subscripts, ranks: arrays.map(\.ndim))
        let sizes = try formula.sizes(of: arrays)
        return formula.value(of: arrays, sizes)
    } catch {
        ErrorHandler.report(error)
        return arrays.first ?? zeros([0])
    }
}

/// Subscripts, with a label for each axis: a letter's code, or a negative number for an axis that
/// `...` stands for, counted from the last.
private struct EinsumFormula {
    var operands: [[Int]] = []
    var output: [Int] = []

    init(_ subscripts: String, ranks: [Int]) throws(MLXError) {
        let letters = Array(subscripts.unicodeScalars.filter { $0 != " " })
        let arrow = letters.indices.first { letters[$0] == "-" }
        let terms = letters[..<(arrow ?? letters.count)].split(
            separator: ",", omittingEmptySubsequences: false)
        guard terms.count == ranks.count, !ranks.isEmpty else {
            throw Self.refusal("\(subscripts) names \(terms.count) operands, got \(ranks.count)")
        }
        for (term, rank) in zip(terms, ranks) {
            operands.append(try Self.labels(Array(term), rank: rank, subscripts))
        }
        let found = operands.flatMap { $0 }
        let hidden = found.filter { $0 < 0 }.min() ?? 0
        guard let arrow else {
            let once = Set(found.filter { label in found.count { $0 == label } == 1 && label > 0 })
            output = Array(hidden..<0) + once.sorted()
            return
        }
        guard arrow + 1 < letters.count, letters[arrow + 1] == ">" else {
            throw Self.refusal("\(subscripts) has - without >")
        }
        let named = Array(letters[(arrow + 2)...])
        let count = named.count { $0 != "." } + (named.contains(".") ? -hidden : 0)
        output = try Self.labels(named, rank: count, subscripts)
        guard Set(output).count == output.count, Set(output).isSubset(of: found) else {
            throw Self.refusal("the result of \(subscripts) names an index twice or a new one")
        }
        guard hidden == 0 || output.contains(hidden) else {
            throw Self.refusal("the result of \(subscripts) must have ... as its operands have")
        }
    }

    private static func labels(
        _ term: [Unicode.Scalar], rank: Int, _ subscripts: String
    ) throws(MLXError) -> [Int] {
        let letters = term.filter { $0 != "." }
        guard letters.allSatisfy({ "a"..."z" ~= $0 || "A"..."Z" ~= $0 }) else {
            throw refusal("\(subscripts) has something other than letters, commas, ... and ->")
        }
        let codes = letters.map { Int($0.value) }
        guard let dots = term.firstIndex(of: ".") else {
            guard codes.count == rank else {
                throw refusal("\(subscripts) names \(codes.count) axes of an operand with \(rank)")
            }
            return codes
        }
        guard term.count == letters.count + 3, term[dots...].prefix(3).allSatisfy({ $0 == "." })
        else { throw refusal("\(subscripts) has dots other than one ... an operand") }
        guard codes.count <= rank else {
            throw refusal("\(subscripts) names \(codes.count) axes of an operand with \(rank)")
        }
        return Array(codes[..<dots]) + Array(codes.count - rank..<0) + Array(codes[dots...])
    }

    private static func refusal(_ message: String) -> MLXError { .caught("[einsum] \(message)") }

    /// The size of each index; axes of size 1 take that of the others.
    func sizes(of arrays: [MLXArray]) throws(MLXError) -> [Int: Int] {
        var sizes: [Int: Int] = [:]
        for (labels, array) in zip(operands, arrays) {
            var own: [Int: Int] = [:]
            for (label, size) in zip(labels, array.shape) {
                let known = sizes[label] ?? 1
                guard known == size || known == 1 || size == 1, own[label] ?? size == size else {
                    throw Self.refusal(
                        "sizes \(known) and \(size) of one index differ: shapes \(arrays.map(\.shape))"
                    )
                }
                own[label] = size
                sizes[label] = known == 1 ? size : known
            }
        }
        return sizes
    }

    func value(of arrays: [MLXArray], _ sizes: [Int: Int]) -> MLXArray {
        let dtype = arrays.reduce(arrays[0].dtype) { DType.promoted($0, $1.dtype) }
        var terms = zip(arrays, operands).map { array, labels in
            LabelledArray(array.asType(dtype), labels).simplified(sizes)
        }
        while terms.count > 1 {
            let (first, second) = nextPair(terms, sizes)
            let right = terms.remove(at: second)
            let left = terms.remove(at: first)
            let kept = Set(output + terms.flatMap(\.labels))
            terms.append(left.product(right, keeping: kept))
        }
        let last = terms[0].summed(keeping: Set(output))
        return last.ordered(as: output)
    }

    /// The two terms whose product is smallest in comparison with them; of equal ones those with
    /// the fewest multiplications.
    private func nextPair(_ terms: [LabelledArray], _ sizes: [Int: Int]) -> (Int, Int) {
        func count(_ labels: Set<Int>) -> Double {
            labels.reduce(1) { $0 * Double(sizes[$1] ?? 1) }
        }
        var best = (growth: Double.infinity, work: Double.infinity, pair: (0, 1))
        for second in terms.indices.dropFirst() {
            for first in 0..<second {
                let others = terms.indices.filter { $0 != first && $0 != second }
                let kept = Set(output + others.flatMap { terms[$0].labels })
                let (a, b) = (Set(terms[first].labels), Set(terms[second].labels))
                let all = a.union(b)
                let growth = count(all.intersection(kept)) - count(a) - count(b)
                if (growth, count(all)) < (best.growth, best.work) {
                    best = (growth, count(all), (first, second))
                }
            }
        }
        return best.pair
    }
}
