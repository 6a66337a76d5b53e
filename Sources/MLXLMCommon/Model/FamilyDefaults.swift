/// What transformers assumes of a kind of model where its configuration leaves a key out.
struct FamilyDefaults {
    var hiddenSize: Int?
    var intermediateSize: Int?
    var layerCount: Int?
    var headCount: Int?
    var keyValueHeadCount: Int?
    var headSize: Int?
    var vocabularySize: Int?
    var epsilon = 1e-6
    var contextLength = 2048
    var tiesEmbeddings: Bool?
    var activation = "silu"
    var base = 10_000.0
    /// Where sliding layers have another base.
    var slidingBase: Double?
    var scoreScalar: Double?
    /// Every so manieth layer is without rotary positions; 0 for none.
    var plainInterval = 0
    var usesWindow = true
    var window: Int?
    /// Whether the layers from `max_window_layers` on slide.
    var windowsFromLayer = false
    /// Every so manieth layer sees everything; 0 if all slide.
    var windowPattern = 0

    static func of(_ modelType: String) -> FamilyDefaults {
        var family = FamilyDefaults()
        switch modelType {
        case "mistral":
            family.contextLength = 131_072
            family.window = 4096
        case "smollm3":
            family.contextLength = 32_768
            family.base = 2_000_000
            family.tiesEmbeddings = true
            family.plainInterval = 4
            (family.usesWindow, family.windowsFromLayer) = (false, true)
        case "qwen2", "qwen3":
            family.contextLength = 32_768
            family.window = 4096
            (family.usesWindow, family.windowsFromLayer) = (false, true)
        case "gemma":
            family.gemma(context: 8192)
        case "gemma2":
            family.gemma(context: 8192)
            (family.keyValueHeadCount, family.window, family.windowPattern) = (4, 4096, 2)
            family.scoreScalar = 256
        case "gemma3_text":
            family.gemma(context: 131_072)
            (family.hiddenSize, family.intermediateSize, family.layerCount) = (2304, 9216, 26)
            (family.headCount, family.keyValueHeadCount) = (8, 4)
            (family.base, family.slidingBase) = (1_000_000, 10_000)
            (family.window, family.windowPattern, family.scoreScalar) = (4096, 6, 256)
            family.vocabularySize = 262_208
        case "phi3":
            (family.epsilon, family.contextLength) = (1e-5, 4096)
        default: break
        }
        return family
    }

    private mutating func gemma(context: Int) {
        headSize = 256
        vocabularySize = 256_000
        contextLength = context
        tiesEmbeddings = true
        activation = "gelu_pytorch_tanh"
    }
}
