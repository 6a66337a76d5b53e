import Synchronization

/// An error of an array operation.
public enum MLXError: Error, Sendable, Equatable {
    /// What went wrong, opening with the operation's name in brackets.
    case caught(String)
}

extension MLXError: CustomStringConvertible {
    /// The message alone.
    public var description: String {
        switch self {
        case .caught(let message): message
        }
    }
}

/// Keeps the first error met inside ``withError(_:)-(_)``.
public final class ErrorBox: Sendable {
    private let state = Mutex<MLXError?>(nil)

    init() {}

    /// The first error so far, if any.
    public var firstError: (any Error)? { state.withLock { $0 } }

    /// Throws the first error so far, if any.
    public func check() throws {
        if let error = firstError { throw error }
    }

    func record(_ message: String) {
        state.withLock { $0 = $0 ?? .caught(message) }
    }
}

package enum ErrorHandler {
    /// A function in a box: where the optimizer inlines `withValue` for a bare function, it makes up
    /// a type that the runtime does not find (Swift 6.3).
    struct Handler: Sendable {
        let call: @Sendable (String) -> Void
    }

    @TaskLocal static var current: Handler?

    /// Hands the error to the innermost handler; without one the process ends with the message,
    /// as an operation has no other way to tell.
    package static func report(_ error: MLXError) {
        guard let handler = current else { fatalError("MLX: \(error)") }
        handler.call("\(error)")
    }
}

/// Runs the body with a handler for the errors of array operations, which go on with an empty
/// placeholder.
public func withErrorHandler<R>(
    _ handler: @escaping @Sendable (String) -> Void, _ body: () throws -> R
) rethrows -> R {
    try ErrorHandler.$current.withValue(ErrorHandler.Handler(call: handler), operation: body)
}

/// Runs the body and throws the first error of an array operation in it, at its end.
public func withError<R>(_ body: (ErrorBox) throws -> R) throws -> R {
    let box = ErrorBox()
    let result = try withErrorHandler({ box.record($0) }, { try body(box) })
    try box.check()
    return result
}

/// Runs the body and throws the first error of an array operation in it, at its end.
public func withError<R>(_ body: () throws -> R) throws -> R {
    try withError { (_: ErrorBox) in try body() }
}

/// Runs the body with a handler for the errors of array operations; see
/// ``withErrorHandler(_:_:)-(_,()throws->R)``.
public func withErrorHandler<R>(
    _ handler: @escaping @Sendable (String) -> Void, _ body: () async throws -> R
) async rethrows -> R {
    try await ErrorHandler.$current.withValue(
        ErrorHandler.Handler(call: handler), operation: body)
}

/// Runs the body and throws the first error of an array operation in it or its child tasks, at its
/// end.
public func withError<R>(_ body: (ErrorBox) async throws -> R) async throws -> R {
    let box = ErrorBox()
    let result = try await withErrorHandler({ box.record($0) }, { try await body(box) })
    try box.check()
    return result
}

/// Runs the body and throws the first error of an array operation in it or its child tasks, at its
/// end.
public func withError<R>(_ body: () async throws -> R) async throws -> R {
    try await withError { (_: ErrorBox) in try await body() }
}
