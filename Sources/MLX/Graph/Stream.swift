import Synchronization

/// An order in which work is done.
///
/// All streams share the processor: an operation's `stream` argument changes no value, and what is
/// computed when follows from what each array needs. Evaluations take turns; `eval` returns when its
/// work is complete, ``asyncEval(_:)-(Any...)`` leaves it to a thread in the background.
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

    /// A stream on a device, whatever its number.
    @available(*, deprecated, message: "use init(_:)")
    public convenience init(index: Int32, _ device: Device) { self.init(device) }

    /// The stream of work that names none.
    public static func defaultStream(_ device: Device) -> Stream {
        if let taskDefault, taskDefault.device == device { return taskDefault }
        return device.deviceType == .gpu ? .gpu : .cpu
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

    /// Returns when all work left to the background is done.
    public func synchronize() { Background.shared.wait() }

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
    private enum Place {
        case standard
        case device(Device)
        case stream(Stream)
    }

    // Looked up only when asked for: every operation takes one of these, few look at it.
    private let place: Place

    /// The stream.
    public var stream: Stream {
        switch place {
        case .standard: .defaultStream(.defaultDevice())
        case .device(let device): .defaultStream(device)
        case .stream(let stream): stream
        }
    }

    /// The default stream of the default device.
    public static let `default` = StreamOrDevice(place: .standard)

    /// A device's default stream.
    public static func device(_ device: Device) -> StreamOrDevice {
        StreamOrDevice(place: .device(device))
    }

    /// The processor's default stream.
    public static let cpu = stream(.cpu)

    /// The default stream of what stands for a graphics processor.
    public static let gpu = stream(.gpu)

    /// A stream.
    public static func stream(_ stream: Stream) -> StreamOrDevice {
        StreamOrDevice(place: .stream(stream))
    }

    /// The stream's description.
    public var description: String { stream.description }

    /// Whether both name the same stream.
    public static func == (lhs: StreamOrDevice, rhs: StreamOrDevice) -> Bool {
        lhs.stream == rhs.stream
    }
}
