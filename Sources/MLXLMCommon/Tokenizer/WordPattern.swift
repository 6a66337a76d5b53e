/// How a byte-level tokenizer cuts a text into words before its merges.
public enum WordPattern: Sendable, Equatable {
    /// GPT-2.
    case gpt2
    /// SmolLM: GPT-2's words, and every digit alone.
    case smollm
    /// Llama 3, and OpenAI's cl100k: up to three digits together.
    case llama3
    /// Qwen 2, 2.5 and 3.
    case qwen2
    /// Qwen 3.5: words hold marks.
    case qwen35
    /// Mistral's Tekken: words are cut where the case changes.
    case tekken
    /// OpenAI's o200k.
    case o200k
    /// A regular expression whose matches are the words.
    case custom(String)

    /// What cuts; throws ``TokenizerError`` for an expression that can't be read.
    func preTokenizer(source: String) throws -> PreTokenizer {
        switch self {
        case .gpt2: return .words(.gpt2)
        case .smollm: return .sequence([.digits(individual: true), .words(.gpt2)])
        case .llama3: return .words(.llama3)
        case .qwen2: return .words(.qwen2)
        case .qwen35: return .words(.qwen35)
        case .tekken: return .words(.tekken)
        case .o200k: return .words(.o200k)
        case .custom(let text):
            if let scanner = WordScanner.known(text) { return .words(scanner) }
            do {
                return .split(try TextPattern(text), .removed, inverts: true)
            } catch {
                throw TokenizerError.unsupported(
                    source, reason: "the pattern \(text) can't be read: \(error.reason)")
            }
        }
    }

    /// The expression of a pattern that is one.
    var expression: String? {
        switch self {
        case .gpt2: WordScanner.gpt2Pattern
        case .smollm: nil
        case .llama3: WordScanner.llama3Pattern
        case .qwen2: WordScanner.qwen2Pattern
        case .qwen35: WordScanner.qwen35Pattern
        case .tekken: WordScanner.tekkenPattern
        case .o200k: WordScanner.o200kPattern
        case .custom(let text): text
        }
    }

    /// The pattern of a GGUF file's pre-tokenizer; nil where it isn't known.
    static func named(_ name: String) -> WordPattern? { names[name] }

    static let names: [String: WordPattern] = [
        "gpt-2": .gpt2, "gpt2": .gpt2, "phi-2": .gpt2, "mpt": .gpt2, "olmo": .gpt2, "jais": .gpt2,
        "roberta-bpe": .gpt2, "default": .gpt2,
        "smollm": .smollm, "starcoder": .smollm, "refact": .smollm, "command-r": .smollm,
        "codeshell": .smollm,
        "llama3": .llama3, "llama-v3": .llama3, "llama-bpe": .llama3, "falcon3": .llama3,
        "smaug-bpe": .llama3, "dbrx": .llama3,
        "qwen2": .qwen2, "deepseek-r1-qwen": .qwen2, "stablelm2": .qwen2, "hunyuan": .qwen2,
        "qwen35": .qwen35,
        "tekken": .tekken,
        "gpt-4o": .o200k, "llama4": .o200k,
    ]
}
