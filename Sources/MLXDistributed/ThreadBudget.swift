/// How many threads a process should compute with, from the cores that it and its neighbours on
/// the node may run on.
public enum ThreadBudget {
    /// The share of local rank `localRank`: the sum over its cores of 1 ÷ the number of local
    /// ranks that may run on the core, rounded down, at least 1.
    ///
    /// `masks` holds the cores of each local rank.
    public static func threads(masks: [[Int]], localRank: Int) -> Int {
        var owners: [Int: Int] = [:]
        for core in masks.joined() { owners[core, default: 0] += 1 }
        let share = masks[localRank].reduce(0.0) { $0 + 1 / Double(owners[$1, default: 1]) }
        // The fractions of shared cores add up to whole cores but for rounding.
        return max(1, Int((share + 1e-6).rounded(.down)))
    }

    /// The cores of the node that are in nobody's mask, ascending.
    public static func unusedCores(masks: [[Int]], node: [Int]) -> [Int] {
        Set(node).subtracting(masks.joined()).sorted()
    }

    /// A sentence about unused cores with its fix; nil where there are none.
    public static func warning(unused: [Int]) -> String? {
        guard let first = unused.first else { return nil }
        let cores = unused.count == 1 ? "core \(first) is" : "cores \(ranges(unused)) are"
        return "\(cores) in no rank's mask; start mpirun with --bind-to none"
    }

    /// Ascending numbers with runs joined: "0, 2-15".
    private static func ranges(_ numbers: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
