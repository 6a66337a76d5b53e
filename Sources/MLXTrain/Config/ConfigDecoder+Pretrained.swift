extension ConfigDecoder {
    /// The section `model` of a model that is loaded.
    func pretrained(_ reader: SectionReader<ModelKey>) throws(ConfigError) -> PretrainedConfig {
        let foreign = ModelKey.allCases.filter {
            ![.type, .path, .bits, .groupSize, .unpack].contains($0)
        }
        try reader.refuse(foreign, "does not apply to the model pretrained, whose shape is its own")
        let node = try reader.required(.path, "the folder of a model, or a GGUF file")
        let path = try node.text(path: ModelKey.path.path)
        guard !path.isEmpty else {
            throw node.outOfRange(ModelKey.path.path, "the folder of a model, or a GGUF file")
        }
        let bits = try reader.optional(.bits)?.integer(path: ModelKey.bits.path, atLeast: 2)
        if let bits, ![2, 3, 4, 5, 6, 8].contains(bits), let node = reader.node(.bits) {
            throw node.outOfRange(ModelKey.bits.path, "2, 3, 4, 5, 6 or 8")
        }
        let groupSize = try reader.integer(.groupSize, default: 64, atLeast: 1)
        if let node = reader.node(.groupSize) {
            guard [32, 64, 128].contains(groupSize) else {
                throw node.outOfRange(ModelKey.groupSize.path, "32, 64 or 128")
            }
        }
        return PretrainedConfig(
            path: PathRules.absolute(path, from: baseDirectory), bits: bits, groupSize: groupSize,
            unpack: try reader.flag(.unpack, default: false))
    }

    /// The section `adapter`; nil for models that are not loaded.
    func adapter(_ job: SectionReader<JobKey>, _ model: ModelConfig) throws(ConfigError)
        -> AdapterConfig?
    {
        guard model.type == .pretrained else {
            try job.refuse([.adapter], "applies only to the model pretrained")
            return nil
        }
        let reader = try SectionReader<AdapterKey>(job.node(.adapter), or: job.place)
        let type: AdapterType = try reader.word(.type, default: .lora)
        if type == .full {
            try reader.refuse(
                [.rank, .scale, .alpha, .dropout, .keys, .path],
                "does not apply to the type full, which trains the weights themselves")
        }
        let rank = try reader.integer(.rank, default: 8, atLeast: 1)
        return AdapterConfig(
            type: type, rank: rank, scale: try scale(reader, rank),
            dropout: try reader.number(.dropout, default: 0, .fraction),
            layers: try layers(reader, type), keys: try keys(reader.optional(.keys)),
            path: try adapterPath(reader.optional(.path)))
    }

    /// mlx-lm's factor, or PEFT's, which is divided by the rank.
    private func scale(
        _ reader: SectionReader<AdapterKey>, _ rank: Int
    ) throws(ConfigError) -> Double {
        guard let node = reader.optional(.alpha) else {
            return try reader.number(.scale, default: 20, .positive)
        }
        try reader.refuse([.scale], "is adapter.alpha divided by adapter.rank")
        return try node.number(path: AdapterKey.alpha.path, .positive) / Double(rank)
    }

    private func layers(
        _ reader: SectionReader<AdapterKey>, _ type: AdapterType
    ) throws(ConfigError) -> Int? {
        guard let node = reader.optional(.layers) else { return type == .full ? nil : 16 }
        let count = try node.integer(path: AdapterKey.layers.path, atLeast: -1)
        guard count != 0 else {
            throw node.outOfRange(AdapterKey.layers.path, "1 or greater, or -1 for all blocks")
        }
        return count
    }

    private func keys(_ node: JSONNode?) throws(ConfigError) -> [String]? {
        guard let node else { return nil }
        let path = AdapterKey.keys.path
        var names: [String] = []
        for element in try node.elements(path: path, "a list of names of layers") {
            names.append(try element.text(path: "\(path)[\(names.count)]"))
        }
        guard !names.isEmpty else { throw node.outOfRange(path, "one name or more, or null") }
        return names
    }

    private func adapterPath(_ node: JSONNode?) throws(ConfigError) -> String? {
        guard let node else { return nil }
        let path = try node.text(path: AdapterKey.path.path)
        guard !path.isEmpty else {
            throw node.outOfRange(AdapterKey.path.path, "the folder of an adapter")
        }
        return PathRules.absolute(path, from: baseDirectory)
    }
}
