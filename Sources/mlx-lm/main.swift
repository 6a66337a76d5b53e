LanguageModelCommand.main()
