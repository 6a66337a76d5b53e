import Glibc

/// Where mlx-launch reads the number of this rank's last step, to tell it when the rank is killed.
///
/// The launcher's agent names an open file in `MLX_STEP_BOARD`: the number in 8 bytes, and a mark.
struct StepBoard {
    private let descriptor: Int32

    /// The board of this process; nil where it was not started by mlx-launch.
    init?() {
        guard let text = getenv("MLX_STEP_BOARD"), let number = Int32(String(cString: text)) else {
            return nil
        }
        // The variable may have come to a process that has another file under this number.
        var content = [UInt8](repeating: 0, count: 17)
        guard pread(number, &content, 17, 0) == 16, content[8..<16].elementsEqual("mlx-step".utf8)
        else { return nil }
        descriptor = number
    }

    /// Shows the number of the last step that was taken.
    func show(_ step: Int) {
        var number = Int64(step)
        _ = pwrite(descriptor, &number, 8, 0)
    }
}
