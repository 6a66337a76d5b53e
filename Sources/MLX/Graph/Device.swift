import Glibc
import Synchronization

/// The kinds of devices that code may name.
public enum DeviceType: String, Hashable, Sendable {
    /// The processor and its memory.
    case cpu
    /// A graphics processor; where there is none, work for it runs on the processor.
    case gpu
}

/// Where arrays are computed.
///
/// All work runs on the processor. `.gpu` is accepted, so that code that names it runs unchanged;
/// the first time a line on standard error says so.
public final class Device: Sendable, Equatable {
    private let kind: DeviceType
    private let index: Int32

    /// A device by its kind and number.
    public init(_ deviceType: DeviceType, index: Int32 = 0) {
        if deviceType == .gpu { _ = Self.notice }
        kind = deviceType
        self.index = index
    }

    /// The default device's kind.
    @available(*, deprecated, message: "use defaultDevice()")
    public convenience init() { self.init(Device.defaultDevice().kind) }

    /// Tells once that there is no graphics processor.
    private static let notice: Void = {
        let line = "MLX: there is no GPU here; work for .gpu runs on the processor\n"
        _ = line.withCString { write(STDERR_FILENO, $0, line.utf8.count) }
    }()

    /// The processor.
    public static let cpu = Device(.cpu)

    /// Stands for the processor here.
    public static let gpu = Device(.gpu)

    /// The kind.
    public var deviceType: DeviceType? { kind }

    @TaskLocal private static var taskDefault: Device?
    private static let processDefault = Mutex<Device>(.cpu)

    /// The device of work that names none.
    public static func defaultDevice() -> Device {
        taskDefault ?? processDefault.withLock { $0 }
    }

    /// Runs the body with another default device.
    public static func withDefaultDevice<R>(_ device: Device, _ body: () throws -> R) rethrows -> R
    {
        try $taskDefault.withValue(device, operation: body)
    }

    /// Runs the body with another default device.
    public static func withDefaultDevice<R>(
        _ device: Device, _ body: () async throws -> R
    ) async rethrows -> R {
        try await $taskDefault.withValue(device, operation: body)
    }

    /// Changes the default device of the process; nil is the processor.
    public static func setDefault(device: Device?) {
        processDefault.withLock { $0 = device ?? .cpu }
    }

    /// Devices of one kind are equal, whatever their number.
    public static func == (lhs: Device, rhs: Device) -> Bool { lhs.kind == rhs.kind }
}

extension Device: CustomStringConvertible {
    /// The kind and the number: `Device(cpu, 0)`.
    public var description: String { "Device(\(kind.rawValue), \(index))" }
}

/// Runs the body with another default device.
@available(*, deprecated, message: "use Device.withDefaultDevice(_:_:)")
public func using<R>(device: Device, fn: () throws -> R) rethrows -> R {
    try Device.withDefaultDevice(device, fn)
}
