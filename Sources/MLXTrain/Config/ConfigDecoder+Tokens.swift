extension ConfigDecoder {
    /// The section `data` of files of token ids.
    func tokenSource(_ reader: SectionReader<DataKey>) throws(ConfigError) -> TokenSource {
        try reader.refuse(
            [.labelColumn, .header, .image, .images, .labels, .testImages, .testLabels, .classes]
                + [.scale, .tokenizer, .tokenizerPath], "has no meaning for the format tokens")
        let files = try reader.required(.path, "the path of a file or folder, or a list of them")
        let size = try reader.required(.vocabularySize, "the number of tokens of the tokenizer")
        return TokenSource(
            paths: try paths(files, .path),
            testPaths: try reader.optional(.testPath).map { node throws(ConfigError) in
                try paths(node, .testPath)
            },
            type: try reader.word(.tokenType, default: .uint16),
            vocabularySize: try size.integer(path: DataKey.vocabularySize.path, atLeast: 2))
    }

    /// One path or a list of them.
    private func paths(_ node: JSONNode, _ key: DataKey) throws(ConfigError) -> [String] {
        var nodes = [node]
        if case .array(let elements) = node.value { nodes = elements }
        var paths: [String] = []
        for node in nodes {
            guard case .string(let path) = node.value else {
                throw node.wrongType(key.path, "a path or a list of paths")
            }
            guard !path.isEmpty else { throw node.outOfRange(key.path, "the path of a file") }
            paths.append(PathRules.absolute(path, from: baseDirectory))
        }
        guard !paths.isEmpty else { throw node.outOfRange(key.path, "one path or more") }
        return paths
    }
}
