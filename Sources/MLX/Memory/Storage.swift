/// The bytes that one or more arrays share.
package final class Storage: @unchecked Sendable {
    // Unchecked: written once, by the evaluation that makes it, before anyone else sees it.

    package let address: UnsafeMutableRawPointer
    package let byteCount: Int
    private let owner: Owner

    private enum Owner: ~Copyable {
        case pool(Buffer)
        case foreign(() -> Void)
    }

    /// Memory from the pool, uninitialised.
    package init(byteCount: Int) {
        let buffer = Pool.shared.lend(byteCount)
        self.address = buffer.address
        self.byteCount = byteCount
        self.owner = .pool(buffer)
    }

    /// Somebody else's memory, which `finalizer` gives back.
    package init(
        address: UnsafeMutableRawPointer, byteCount: Int, finalizer: @escaping () -> Void
    ) {
        self.address = address
        self.byteCount = byteCount
        self.owner = .foreign(finalizer)
    }

    /// Whether the evaluator may write over the bytes when nobody needs them any more.
    var isReusable: Bool {
        switch owner {
        case .pool: true
        case .foreign: false
        }
    }

    deinit {
        switch owner {
        case .pool: break
        case .foreign(let finalizer): finalizer()
        }
    }
}
