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
