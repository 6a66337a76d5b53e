import MLXDistributed
import Testing

@Suite struct ThreadBudgetTests {
    private func budgets(_ masks: [[Int]]) -> [Int] {
        masks.indices.map { ThreadBudget.threads(masks: masks, localRank: $0) }
    }

    @Test func `one rank has all its cores`() {
        #expect(budgets([Array(0..<16)]) == [16])
    }

    @Test func `ranks bound to one core each have one thread`() {
        #expect(budgets([[0], [1]]) == [1, 1])
    }

    @Test(arguments: 1...40)
    func `unbound ranks share the cores evenly`(ranks: Int) {
        let masks = Array(repeating: Array(0..<12), count: ranks)
        #expect(budgets(masks) == Array(repeating: max(1, 12 / ranks), count: ranks))
    }

    @Test func `ranks on two sockets share their own`() {
        let masks = [Array(0..<8), Array(8..<16), Array(0..<8), Array(8..<16)]
        #expect(budgets(masks) == [4, 4, 4, 4])
    }

    @Test func `a shared core counts in parts`() {
        #expect(budgets([[0, 1, 2], [2, 3]]) == [2, 1])
    }

    @Test func `a rank without a known core has one thread`() {
        #expect(budgets([[]]) == [1])
    }

    @Test func `cores in nobody's mask are named with the fix`() {
        let unused = ThreadBudget.unusedCores(masks: [[0], [1]], node: Array(0..<16))
        #expect(unused == Array(2..<16))
        #expect(
            ThreadBudget.warning(unused: unused)
                == "cores 2-15 are in no rank's mask; start mpirun with --bind-to none")
        #expect(ThreadBudget.warning(unused: [3])?.hasPrefix("core 3 is in") == true)
        #expect(ThreadBudget.warning(unused: [1, 3, 4])?.hasPrefix("cores 1, 3-4 are") == true)
        #expect(ThreadBudget.warning(unused: []) == nil)
    }

    @Test func `this process has a mask and a budget`() throws {
        let group = try Group.single()
        #expect((1...group.placement.masks[0].count).contains(group.threadBudget))
        #expect(!group.placement.nodeCores.isEmpty)
        #expect(group.bindingWarning == nil || !group.placement.masks[0].isEmpty)
    }
}
