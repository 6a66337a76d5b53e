extension ConfigDecoder {
    /// The section `data`.
    func data(_ node: JSONNode, _ model: ModelConfig) throws(ConfigError) -> DataConfig {
        let reader = try SectionReader<DataKey>(node, or: node.place)
        let format: DataFormat = try reader.word(.format)
        let source: DataSource
        var fraction = 0.2
        var scale = 1.0
        switch format {
        case .csv:
            source = .csv(try csvSource(reader))
        case .mnist, .npy:
            let files = try idxSource(reader, format)
            source = .mnist(files)
            if files.test != nil { fraction = 0 }
            if format == .mnist { scale = 255 }
        case .text:
            source = .text(try textSource(reader))
            fraction = 0.1
        case .tokens:
            let tokens = try tokenSource(reader)
            source = .tokens(tokens)
            fraction = tokens.testPaths == nil ? 0.1 : 0
        case .jsonl:
            let records = try jsonlSource(reader, model)
            source = .jsonl(records)
            fraction = records.testPath == nil ? 0.1 : 0
        }
        if format != .tokens {
            try reader.refuse([.tokenType], "applies only to the format tokens")
        }
        if format != .jsonl {
            try reader.refuse(
                [.maskPrompt, .maxSeqLength, .pack], "applies only to the format jsonl")
        }
        if format != .tokens, format != .jsonl {
            try reader.refuse([.testPath], "applies only to the formats tokens and jsonl")
        }
        return DataConfig(
            source: source,
            testFraction: try testFraction(reader, default: fraction),
            classes: try classes(reader.optional(.classes)),
            scale: try reader.number(.scale, default: scale, .positive))
    }

    private func csvSource(_ reader: SectionReader<DataKey>) throws(ConfigError) -> CSVSource {
        try reader.refuse(
            [.images, .labels, .testImages, .testLabels],
            "applies only to the formats mnist and npy")
        try reader.refuse(tokenizerKeys, "applies only to the formats text and jsonl")
        let source = CSVSource(
            path: try path(.path, reader), labelColumn: try labelColumn(reader),
            header: try header(reader), image: try image(reader.optional(.image)))
        if case .name = source.labelColumn, source.header == .absent,
            let node = reader.node(.labelColumn)
        {
            let requirement = "\"first\", \"last\" or an index where data.header is false"
            throw node.outOfRange(DataKey.labelColumn.path, requirement)
        }
        return source
    }

    private func idxSource(
        _ reader: SectionReader<DataKey>, _ format: DataFormat
    ) throws(ConfigError) -> IDXSource {
        try reader.refuse(
            [.path, .labelColumn, .header, .image], "applies only to the format csv")
        try reader.refuse(tokenizerKeys, "applies only to the formats text and jsonl")
        var source = IDXSource(
            isNumpy: format == .npy,
            images: try path(.images, reader), labels: try path(.labels, reader), test: nil)
        if reader.optional(.testImages) != nil || reader.optional(.testLabels) != nil {
            source.test = IDXTestFiles(
                images: try path(.testImages, reader), labels: try path(.testLabels, reader))
        }
        return source
    }

    private func textSource(_ reader: SectionReader<DataKey>) throws(ConfigError) -> TextSource {
        try reader.refuse(
            [.labelColumn, .header, .image, .images, .labels, .testImages, .testLabels, .classes]
                + [.scale], "has no meaning for the format text")
        return TextSource(
            path: try path(.path, reader),
            tokenizer: try tokenizer(reader, default: .character))
    }

    private var tokenizerKeys: [DataKey] { [.tokenizer, .tokenizerPath, .vocabularySize] }

    private func tokenizer(
        _ reader: SectionReader<DataKey>, default usual: TokenizerKind
    ) throws(ConfigError) -> TokenizerChoice {
        let kind = try reader.word(.tokenizer, default: usual)
        if kind != .bpe {
            try reader.refuse([.vocabularySize], "applies only to the tokenizer bpe")
        }
        if kind != .pretrained {
            try reader.refuse([.tokenizerPath], "applies only to the tokenizer pretrained")
        }
        switch kind {
        case .character: return .character
        case .bpe:
            // All bytes are tokens, and so is the end of a text.
            return .bpe(
                vocabularySize: try reader.integer(.vocabularySize, default: 8192, atLeast: 257))
        case .pretrained: return .pretrained(try path(.tokenizerPath, reader))
        }
    }

    private func jsonlSource(
        _ reader: SectionReader<DataKey>, _ model: ModelConfig
    ) throws(ConfigError) -> JSONLSource {
        try reader.refuse(
            [.labelColumn, .header, .image, .images, .labels, .testImages, .testLabels, .classes]
                + [.scale], "has no meaning for the format jsonl")
        var choice: TokenizerChoice?
        if model.type == .pretrained {
            try reader.refuse(tokenizerKeys, "does not apply to the model pretrained")
        } else {
            try reader.refuse([.maxSeqLength], "is model.context for models from scratch")
            choice = try tokenizer(reader, default: .bpe)
            if choice == .character, let node = reader.node(.tokenizer) {
                throw node.outOfRange(
                    DataKey.tokenizer.path, "bpe or pretrained with the format jsonl")
            }
        }
        return JSONLSource(
            path: try path(.path, reader),
            testPath: reader.optional(.testPath) == nil ? nil : try path(.testPath, reader),
            maskPrompt: try reader.flag(.maskPrompt, default: true),
            maxSeqLength: try reader.optional(.maxSeqLength)?
                .integer(path: DataKey.maxSeqLength.path, atLeast: 2),
            tokenizer: choice,
            pack: try reader.flag(.pack, default: model.type != .pretrained))
    }

    private func path(_ key: DataKey, _ reader: SectionReader<DataKey>) throws(ConfigError)
        -> String
    {
        let node = try reader.required(key, "the path of a file, relative to the job's file")
        let path = try node.text(path: key.path)
        guard !path.isEmpty else { throw node.outOfRange(key.path, "the path of a file") }
        return PathRules.absolute(path, from: baseDirectory)
    }

    private func testFraction(
        _ reader: SectionReader<DataKey>, default fallback: Double
    ) throws(ConfigError) -> Double {
        let fraction = try reader.number(.testFraction, default: fallback, .fraction)
        if fraction > 0, reader.optional(.testImages) != nil {
            try reader.refuse([.testFraction], "has no meaning beside data.test_images")
        }
        if fraction > 0, reader.optional(.testPath) != nil {
            try reader.refuse([.testFraction], "has no meaning beside data.test_path")
        }
        return fraction
    }

    private func labelColumn(_ reader: SectionReader<DataKey>) throws(ConfigError) -> LabelColumn {
        let path = DataKey.labelColumn.path
        guard let node = reader.node(.labelColumn) else { return .last }
        switch node.value {
        case .string("first"): return .first
        case .string("last"): return .last
        case .string(let name) where !name.isEmpty: return .name(name)
        case .number: return .index(try node.integer(path: path, atLeast: 0))
        default: throw node.wrongType(path, "\"first\", \"last\", the name of a column or an index")
        }
    }

    private func header(_ reader: SectionReader<DataKey>) throws(ConfigError) -> HeaderChoice {
        guard let node = reader.node(.header) else { return .auto }
        switch node.value {
        case .string("auto"): return .auto
        case .bool(let present): return present ? .present : .absent
        default: throw node.wrongType(DataKey.header.path, "\"auto\", true or false")
        }
    }

    private func image(_ node: JSONNode?) throws(ConfigError) -> ImageShape? {
        guard let node else { return nil }
        let reader = try SectionReader<ImageKey>(node, or: node.place)
        let height = try reader.required(.height, "the rows of an image")
        let width = try reader.required(.width, "the columns of an image")
        let shape = ImageShape(
            height: try height.integer(path: ImageKey.height.path, atLeast: 1),
            width: try width.integer(path: ImageKey.width.path, atLeast: 1),
            channels: try reader.integer(.channels, default: 1, atLeast: 1))
        let (area, areaOverflow) = shape.height.multipliedReportingOverflow(by: shape.width)
        let (_, overflow) = area.multipliedReportingOverflow(by: shape.channels)
        guard !areaOverflow, !overflow else {
            throw node.outOfRange(DataKey.image.path, "an image that fits in memory")
        }
        return shape
    }

    private func classes(_ node: JSONNode?) throws(ConfigError) -> [String]? {
        guard let node else { return nil }
        let path = DataKey.classes.path
        var names: [String] = []
        for element in try node.elements(path: path, "a list of strings") {
            let name = try element.text(path: "\(path)[\(names.count)]")
            guard !names.contains(name) else {
                throw element.outOfRange("\(path)[\(names.count)]", "a name not yet in the list")
            }
            names.append(name)
        }
        guard names.count > 1 else { throw node.outOfRange(path, "two or more names") }
        return names
    }
}
