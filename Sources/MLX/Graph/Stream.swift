import Synchronization

/// An order in which work is done.
///
/// Evaluations take turns, so that every stream's work is done in order and is complete when `eval`
/// returns.
public final class Stream: Sendable, Equatable {
    private let device: Device
    private let index: Int

    private static let created = Atomic<Int>(2)
    @TaskLocal private static var taskDefault: Stream?

    private init(device: Device, index: Int) {
        self.device = device
        self.index = index
    }

    /// A new stream on the default device.
    public convenience init() { self.init(.defaultDevice()) }

    /// A new stream on a device.
    public convenience init(_ device: Device) {
        let index = Self.created.wrappingAdd(1, ordering: .relaxed).oldValue
        self.init(device: device, index: index)
    }

    /// The default stream of the processor.
    public static let cpu = Stream(device: .cpu, index: 0)

    /// The default stream of what stands for a graphics processor.
    public static let gpu = Stream(device: .gpu, index: 1)

    /// The stream of work that names none.
    public static func defaultStream(_ device: Device) -> Stream {
        if let taskDefault, taskDefault.device == device { return taskDefault }
        return device == .gpu ? .gpu : .cpu
    }

    /// Runs the body with a new default stream.
    public static func withNewDefaultStream<R>(
        device: Device? = nil, _ body: () throws -> R
    ) rethrows -> R {
        let device = device ?? .defaultDevice()
        return try Device.withDefaultDevice(device) {
            try $taskDefault.withValue(Stream(device), operation: body)
        }
    }

    /// Runs the body with a new default stream.
    public static func withNewDefaultStream<R>(
        device: Device? = nil, _ body: () async throws -> R
    ) async rethrows -> R {
        let device = device ?? .defaultDevice()
        return try await Device.withDefaultDevice(device) {
            try await $taskDefault.withValue(Stream(device), operation: body)
        }
    }

    /// Returns when the stream's work is done, which it is.
    public func synchronize() {}

    /// Whether the two are the same stream.
    public static func == (lhs: Stream, rhs: Stream) -> Bool {
        lhs.device == rhs.device && lhs.index == rhs.index
    }
}

extension Stream: CustomStringConvertible {
    /// The device and the number: `Stream(Device(cpu, 0), 1)`.
    public var description: String { "Stream(\(device), \(index))" }
}

/// Where an operation is to run: a stream, or a device's default stream.
public struct StreamOrDevice: Sendable, CustomStringConvertible, Equatable {
    /// The stream.
    public let stream: Stream

    /// The default stream of the default device.
    public static var `default`: StreamOrDevice { device(.defaultDevice()) }

    /// A device's default stream.
    public static func device(_ device: Device) -> StreamOrDevice {
        StreamOrDevice(stream: .defaultStream(device))
    }

    /// The processor's default stream.
    public static let cpu = device(.cpu)

    /// The default stream of what stands for a graphics processor.
    public static let gpu = device(.gpu)

    /// A stream.
    public static func stream(_ stream: Stream) -> StreamOrDevice { StreamOrDevice(stream: stream) }

    /// The stream's description.
    public var description: String { stream.description }
}
