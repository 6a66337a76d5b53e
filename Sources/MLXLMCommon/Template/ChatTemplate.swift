import Foundation

/// A conversation as text, and which parts of it the template marks as the assistant's.
public struct RenderedChat: Equatable, Sendable {
    /// The text.
    public let text: String
    /// What the template's `generation` blocks wrote, in bytes of the text's UTF-8.
    public let generationRanges: [Range<Int>]

    /// A text with these parts marked.
    package init(text: String, generationRanges: [Range<Int>]) {
        (self.text, self.generationRanges) = (text, generationRanges)
    }
}

/// A model's chat template: the subset of Jinja that models use, as `transformers` sets it up.
///
/// The line break after a tag and the indent before it are left out; `generation` blocks, `break`
/// and `continue` are known, and `tojson` writes plain JSON. https://jinja.palletsprojects.com
public struct ChatTemplate: Sendable {
    private let statements: [TemplateStatement]

    /// Reads a template; throws ``TemplateError/syntax(line:reason:)``.
    public init(_ source: String) throws {
        statements = try TemplateParser.parse(source)
    }

    /// Writes a text with these variables, and those that hold of every template.
    ///
    /// - Parameter date: what `strftime_now` takes for now.
    public func render(
        _ variables: [String: OrderedJSON], date: Date = Date()
    ) throws -> RenderedChat {
        let scope = TemplateScope()
        scope["strftime_now"] = .function(
            TemplateFunction { (call) throws(TemplateFailure) in
                guard case .string(let format) = call.positional.first else {
                    throw .init("strftime_now takes a format")
                }
                return .string(ChatTemplate.formatted(date, format))
            })
        for (name, value) in variables { scope[name] = TemplateValue(value) }
        var output = TemplateRenderer.Output()
        try TemplateRenderer().render(statements, TemplateScope(scope), &output)
        return RenderedChat(text: output.text, generationRanges: output.generated)
    }

    /// A date in local time, as C's `strftime` writes it.
    private static func formatted(_ date: Date, _ format: String) -> String {
        guard !format.isEmpty else { return "" }
        var seconds = time_t(date.timeIntervalSince1970.rounded(.down))
        var parts = tm()
        localtime_r(&seconds, &parts)
        var buffer = [CChar](repeating: 0, count: 256 + format.utf8.count * 8)
        let count = strftime(&buffer, buffer.count, format, &parts)
        return String(
            decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
