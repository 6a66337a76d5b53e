import Foundation

/// Runs a small case for its instructions to be counted: `scripts/guard.sh` starts it under
/// callgrind, which counts inside `counted`. Without a name it lists the cases.
@main
enum Guard {
    static func main() throws {
        guard let name = CommandLine.arguments.dropFirst().first else {
            for item in GuardCases.all { print(item.name) }
            return
        }
        guard let item = GuardCases.all.first(where: { $0.name == name }) else {
            throw UnknownCase(name: name)
        }
        let body = item.make()
        // What is made once (tables, plans, buffers) is not counted.
        for _ in 0..<2 { body() }
        counted(body)
    }

    @inline(never)
    private static func counted(_ body: () -> Void) {
        body()
        // Something after the call, without which it would be a jump.
        fflush(nil)
    }
}

struct UnknownCase: Error {
    let name: String
}
