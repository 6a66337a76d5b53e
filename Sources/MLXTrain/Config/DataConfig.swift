/// The samples a job trains and is tested on (`data`).
public struct DataConfig: Equatable, Sendable {
    /// The files and how to read them.
    public var source: DataSource
    /// The fraction of the samples held out for evaluation, in [0, 1); 0 with files of test
    /// samples. See `DataSplit` for the rule.
    public var testFraction: Double
    /// The names of the classes in the order of their indices; `nil`: found in the data.
    public var classes: [String]?
    /// The number that features are divided by.
    public var scale: Double

    /// The word of `data.format`.
    public var format: DataFormat {
        switch source {
        case .csv: .csv
        case .mnist(let source): source.isNumpy ? .npy : .mnist
        case .text: .text
        case .tokens: .tokens
        case .jsonl: .jsonl
        }
    }
}

/// The words of `data.format`.
public enum DataFormat: String, CaseIterable, Sendable {
    case csv
    case mnist
    case npy
    case text
    case tokens
    case jsonl
}

/// Where samples come from; all paths are absolute.
public enum DataSource: Equatable, Sendable {
    case csv(CSVSource)
    case mnist(IDXSource)
    case text(TextSource)
    case tokens(TokenSource)
    case jsonl(JSONLSource)
}

/// A table of numbers with one column of labels, plain or compressed by gzip.
public struct CSVSource: Equatable, Sendable {
    /// The file.
    public var path: String
    /// The column of labels; all others are features.
    public var labelColumn: LabelColumn
    /// Whether the first row names the columns.
    public var header: HeaderChoice
    /// The shape of a sample where its features are the pixels of an image.
    public var image: ImageShape?
}

/// Which column of a table holds the labels (`data.label_column`).
public enum LabelColumn: Equatable, Sendable {
    case first
    case last
    /// A column counted from 0.
    case index(Int)
    /// A column by its name in the header.
    case name(String)
}

/// Whether the first row of a table names its columns (`data.header`).
public enum HeaderChoice: Equatable, Sendable {
    /// A header if none of the row's features is a number.
    case auto
    case present
    case absent
}

/// The shape of an image, stored row by row with the channels innermost.
public struct ImageShape: Equatable, Sendable {
    /// Rows of pixels.
    public var height: Int
    /// Columns of pixels.
    public var width: Int
    /// Numbers of a pixel.
    public var channels: Int

    /// Numbers an image has.
    public var count: Int { height * width * channels }
}

/// Images and their labels, in files of the MNIST IDX format, plain or compressed by gzip, or in
/// numpy's format.
public struct IDXSource: Equatable, Sendable {
    /// Whether the files are in numpy's format.
    public var isNumpy = false
    /// The file of images.
    public var images: String
    /// The file of the images' labels.
    public var labels: String
    /// Files of test samples; `nil`: a fraction of `images` is held out.
    public var test: IDXTestFiles?
}

/// The two files of a test set.
public struct IDXTestFiles: Equatable, Sendable {
    /// The file of images.
    public var images: String
    /// The file of the images' labels.
    public var labels: String
}

/// A text in UTF-8, plain or compressed by gzip.
public struct TextSource: Equatable, Sendable {
    /// The file.
    public var path: String
    /// How it is cut into tokens.
    public var tokenizer: TokenizerChoice
}

/// Files of token ids, which together are one row.
public struct TokenSource: Equatable, Sendable {
    /// The files in their order; a folder stands for its files named `.bin` and `.npy`, by name.
    public var paths: [String]
    /// Files of the tokens that evaluations read; `nil`: a part of `paths`.
    public var testPaths: [String]?
    /// The type of ids in files that do not say theirs.
    public var type: TokenType
    /// The number of tokens of the model; ids are below it.
    public var vocabularySize: Int
}

/// The words of `data.token_type`.
public enum TokenType: String, CaseIterable, Sendable {
    case uint16
    case uint32

    var number: NumberType { self == .uint16 ? .uint16 : .uint32 }
}

/// Records of one JSON object a line: a conversation, a prompt with its completion, or a text.
public struct JSONLSource: Equatable, Sendable {
    /// The file, or a folder with `train.jsonl` and perhaps `valid.jsonl`.
    public var path: String
    /// A file of records that evaluations read; `nil`: one of the folder, or a part of `path`.
    public var testPath: String?
    /// Whether only what an assistant says counts in the loss.
    public var maskPrompt: Bool
    /// The most tokens of a record of a loaded model; `nil`: 2048, or as many as the model was made
    /// for.
    public var maxSeqLength: Int?
    /// How records are cut into tokens; `nil` for a loaded model, which has its own tokenizer.
    public var tokenizer: TokenizerChoice?
    /// Whether several records share a row, without seeing each other.
    public var pack: Bool
}

/// How a text is cut into tokens (`data.tokenizer` and the keys beside it).
public enum TokenizerChoice: Equatable, Sendable {
    /// A token for each Unicode scalar of the text.
    case character
    /// Byte-pair encoding that is learned from the text.
    case bpe(vocabularySize: Int)
    /// The tokenizer of a model's folder, or a `tokenizer.json`; an absolute path.
    case pretrained(String)

    /// The word of `data.tokenizer`.
    public var kind: TokenizerKind {
        switch self {
        case .character: .character
        case .bpe: .bpe
        case .pretrained: .pretrained
        }
    }
}

/// The words of `data.tokenizer`.
public enum TokenizerKind: String, CaseIterable, Sendable {
    case character
    case bpe
    case pretrained
}
