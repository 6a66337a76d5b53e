import CSystem
import Glibc

/// The moment between the start of a process and the program that it is to run.
package enum TiedProgram {
    /// The first argument of the command that asks for it.
    package static let verb = "tied"

    /// Ties this process to its parent, enters the folder and becomes the program; the arguments
    /// are the parent's number, the folder or "", and the program with its arguments.
    package static func run(_ arguments: [String]) -> Never {
        guard arguments.count >= 3, let parent = pid_t(arguments[0]) else {
            complain("mlx-launch: \(verb) is for mlx-launch's own use")
            exit(LaunchStatus.usage)
        }
        _ = cs_set_parent_death_signal(SIGKILL)
        // The parent may have died before that.
        guard getppid() == parent else { exit(LaunchStatus.unavailable) }
        if !arguments[1].isEmpty, chdir(arguments[1]) != 0 {
            fail("cannot enter \(arguments[1])", code: errno)
        }
        let program = arguments[2]
        let argv = arguments[2...].map { strdup($0) } + [nil]
        execvp(program, argv)
        let code = errno
        if code == ENOENT, !program.contains("/") {
            // Programs of one build lie beside each other.
            let folder = ownProgram().split(separator: "/").dropLast().joined(separator: "/")
            execv("/\(folder)/\(program)", argv)
        }
        fail("cannot run \(program)", code: code)
    }

    private static func fail(_ words: String, code: Int32) -> Never {
        complain("mlx-launch: \(words) on \(ownHostName()): \(systemWords(code))")
        exit(LaunchStatus.missing)
    }
}
