import Testing

/// The command as a user runs it: real processes, real signals, real files.
///
/// The tests run one after the other, because each of them keeps the machine's cores busy.
@Suite("mlx-train in processes of its own", .serialized)
struct LaunchTests {}
