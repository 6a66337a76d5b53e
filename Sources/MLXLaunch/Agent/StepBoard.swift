import Glibc

/// Where a rank writes the number of its last step, so that its end can be told with it: a file of
/// 16 bytes without a name, which both hold open.
package struct StepBoard {
    /// The descriptor that a rank finds it under.
    package static let rankDescriptor: Int32 = 3
    /// The variable that tells a rank of it.
    package static let variable = "MLX_STEP_BOARD"
    /// What stands after the number.
    package static let mark = Array("mlx-step".utf8)

    let descriptor: Int32

    /// A board without a step; nil where no file can be made, and steps then stay unknown.
    init?() {
        let (file, path) = makeTemporaryFile(
            "\(ownVariable("TMPDIR") ?? "/tmp")/mlx-step-XXXXXX")
        guard file >= 0 else { return nil }
        unlink(path)
        let content = withUnsafeBytes(of: Int64(-1), Array.init) + StepBoard.mark
        guard pwrite(file, content, content.count, 0) == content.count else {
            close(file)
            return nil
        }
        descriptor = file
    }

    /// The last step; -1 before one was told.
    var step: Int {
        var number: Int64 = -1
        guard pread(descriptor, &number, 8, 0) == 8 else { return -1 }
        return Int(number)
    }
}

/// A rank's side of its step board, which it shows its steps on.
package struct RankStepBoard {
    private let descriptor: Int32

    /// The board of this process; nil where it was not started by mlx-launch.
    package init?() {
        guard let text = getenv(StepBoard.variable), let number = Int32(String(cString: text))
        else { return nil }
        // The variable may have come to a process that has another file under this number.
        let length = 8 + StepBoard.mark.count
        var content = [UInt8](repeating: 0, count: length + 1)
        guard pread(number, &content, length + 1, 0) == length,
            content[8..<length].elementsEqual(StepBoard.mark)
        else { return nil }
        descriptor = number
    }

    /// Shows the number of the last step that was taken.
    package func show(_ step: Int) {
        var number = Int64(step)
        _ = pwrite(descriptor, &number, 8, 0)
    }
}
