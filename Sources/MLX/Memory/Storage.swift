/// The bytes that one or more arrays share.
package final class Storage: @unchecked Sendable {
    // Unchecked: written once, by the evaluation that makes it, before anyone else sees it.

    package let address: UnsafeMutableRawPointer
    package let byteCount: Int
    /// Whether no cache held it when the pool lent it.
    package let isCold: Bool
    private let owner: Owner

    private enum Owner: ~Copyable {
        case pool(Buffer)
        case foreign(() -> Void)
        case number
    }

    /// Memory from the pool, uninitialised.
    package init(byteCount: Int) {
        let buffer = Pool.shared.lend(byteCount)
        self.address = buffer.address
        self.byteCount = byteCount
        isCold = buffer.isCold
        self.owner = .pool(buffer)
    }

    /// Somebody else's memory, which `finalizer` gives back.
    package init(
        address: UnsafeMutableRawPointer, byteCount: Int, finalizer: @escaping () -> Void
    ) {
        self.address = address
        self.byteCount = byteCount
        isCold = false
        self.owner = .foreign(finalizer)
    }

    /// Eight bytes for one number that stands beside arrays.
    init(number bits: UInt64) {
        address = .allocate(byteCount: 8, alignment: 8)
        address.storeBytes(of: bits, as: UInt64.self)
        byteCount = 8
        isCold = false
        owner = .number
    }

    /// The bits of a number that stands beside arrays.
    var number: UInt64? {
        switch owner {
        case .number: address.load(as: UInt64.self)
        case .pool: nil
        case .foreign: nil
        }
    }

    /// Whether the evaluator may write over the bytes when nobody needs them any more.
    var isReusable: Bool {
        switch owner {
        case .pool: true
        case .foreign: false
        case .number: false
        }
    }

    deinit {
        switch owner {
        case .pool: break
        case .foreign(let finalizer): finalizer()
        case .number: address.deallocate()
        }
    }
}
