import Glibc

/// A process to be started: its arguments, its variables and its streams.
///
/// It leads a process group of its own, so that the keys of a terminal reach the launcher alone,
/// and begins with no signal blocked or ignored.
struct Spawn {
    /// The program's path or, where it has no slash, its name on the PATH, and its arguments.
    var arguments: [String]
    /// `NAME=value` each.
    var environment: [String]
    /// What becomes the descriptors 0, 1, 2 …; nil is nothing to read, and nowhere to write.
    var streams: [Int32?]

    /// Starts it and gives its number.
    func start() throws(LaunchError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, source) in streams.enumerated() {
            let target = Int32(number)
            if let source {
                posix_spawn_file_actions_adddup2(&actions, source, target)
            } else {
                posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
            }
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes,
            Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        let argv = arguments.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for text in argv + variables { free(text) } }
        var process = pid_t()
        let code = posix_spawnp(&process, arguments[0], &actions, &attributes, argv, variables)
        guard code == 0 else { throw .system(call: "starting \(arguments[0])", code: code) }
        return process
    }
}
