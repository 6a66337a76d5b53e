import MLXLaunch

let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case AgentCommand.verb: AgentCommand.run(Array(arguments.dropFirst()))
case TiedProgram.verb: TiedProgram.run(Array(arguments.dropFirst()))
default: LaunchCommand.run()
}
