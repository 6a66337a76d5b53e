/// One long text as tokens, cut into samples of equal length that lie side by side.
///
/// Sample i reads the tokens from i · context on and is to foretell each one's successor, so that
/// every token but the first is foretold once an epoch. What is left at the end is left out.
package struct TokenDataset: Sendable {
    /// The text.
    package let tokens: TokenRow
    /// The tokens that a sample reads.
    package let context: Int

    package init(_ tokens: TokenRow, context: Int) {
        precondition(context > 0)
        (self.tokens, self.context) = (tokens, context)
    }

    package init(tokens: [Int32], context: Int) {
        self.init(.memory(tokens), context: context)
    }

    /// The number of samples.
    package var count: Int { max(tokens.count - 1, 0) / context }

    /// The samples at `rows`, in that order.
    package func gather(_ rows: [Int]) throws(DataError) -> TokenBatch {
        var batch = TokenBatch(count: rows.count, inputs: [], targets: [])
        batch.inputs.reserveCapacity(rows.count * context)
        batch.targets.reserveCapacity(rows.count * context)
        for row in rows {
            let start = row * context
            let sample = try tokens.tokens(start..<start + context + 1)
            batch.inputs += sample.dropLast()
            batch.targets += sample.dropFirst()
        }
        return batch
    }

    /// The text in two: what is trained on, and its end, `testFraction` of the samples rounded up,
    /// which is held out.
    package func split(testFraction: Double) -> (train: TokenDataset, test: TokenDataset) {
        let held = DataSplit.testCount(count, testFraction: testFraction)
        let border = (count - held) * context
        return (
            TokenDataset(tokens[0..<border + 1], context: context),
            TokenDataset(tokens[border..<tokens.count], context: context)
        )
    }
}

/// Texts for one forward and backward pass.
package struct TokenBatch: Equatable, Sendable {
    /// The number of texts.
    package let count: Int
    /// What is read: [count, context] row-major.
    package var inputs: [Int32]
    /// What comes after each token: [count, context] row-major.
    package var targets: [Int32]
}
