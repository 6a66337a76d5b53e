import ArgumentParser

let arguments = Array(CommandLine.arguments.dropFirst())
do {
    if let word = arguments.first { try LanguageModelCommand.check(subcommand: word) }
    var command = try LanguageModelCommand.parseAsRoot(arguments)
    try command.run()
} catch {
    LanguageModelCommand.end(error)
}
