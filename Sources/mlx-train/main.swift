import MLXTrain

Console.holdStreams()
let arguments = Array(CommandLine.arguments.dropFirst())
if let word = arguments.first, !word.hasPrefix("-") {
    Launch.runSubcommand(word, arguments.dropFirst())
}
let command: TrainCommand
do {
    command = try TrainCommand.parseJob(arguments)
} catch {
    Launch.end(error)
}
Launch(command: command).run()
