import Foundation
import MLXLMCommon
import Testing

@Suite("Chat templates")
struct TemplateTests {
    /// What scripts/fixtures_templates.py has written.
    private struct Fixture {
        let conversations: [[String: OrderedJSON]]
        let data: OrderedJSON
        let families: [OrderedJSON]
        let pieces: [OrderedJSON]

        init() throws {
            var folder = URL(filePath: #filePath)
            for _ in 0..<2 { folder.deleteLastPathComponent() }
            let bytes = try Data(contentsOf: folder.appending(path: "Fixtures/templates.json"))
            let json = try OrderedJSON(parsing: [UInt8](bytes), source: "templates.json")
            conversations = (json["conversations"]?.arrayValue ?? []).map(Self.variables)
            data = json["data"] ?? .null
            families = json["families"]?.arrayValue ?? []
            pieces = json["pieces"]?.arrayValue ?? []
        }

        static func variables(_ json: OrderedJSON) -> [String: OrderedJSON] {
            guard case .object(let members) = json else { return [:] }
            return Dictionary(members.map { ($0.key, $0.value) }) { first, _ in first }
        }
    }

    /// Whether a template gives the text, the ranges or the kind of error that jinja2 gives.
    private static func check(
        _ source: String, _ variables: [String: OrderedJSON], _ expected: OrderedJSON,
        _ comment: String
    ) {
        do {
            let chat = try ChatTemplate(source).render(variables)
            guard let text = expected["text"]?.stringValue else {
                Issue.record("\(comment): expected \(expected), got \(chat.text)")
                return
            }
            #expect(chat.text.utf8.elementsEqual(text.utf8), "\(comment): \(chat.text)")
            let ranges = (expected["ranges"]?.arrayValue ?? []).map {
                Self.bytes($0.arrayValue?.compactMap(\.intValue) ?? [], of: text)
            }
            #expect(chat.generationRanges == ranges, "\(comment)")
        } catch let error as TemplateError {
            switch error {
            case .syntax(let line, _):
                #expect(expected["syntax"] != nil, "\(comment): \(error)")
                #expect(expected["line"]?.intValue == line, "\(comment): \(error)")
            case .raised(let message):
                #expect(expected["raised"]?.stringValue == message, "\(comment): \(error)")
            case .rendering:
                let isError = expected["error"] != nil || expected["raised"] != nil
                #expect(isError, "\(comment): \(error), expected \(expected)")
            case .value: Issue.record("\(comment): \(error)")
            }
        } catch {
            Issue.record("\(comment): \(error)")
        }
    }

    /// A range of Python's characters as one of bytes.
    private static func bytes(_ pair: [Int], of text: String) -> Range<Int> {
        let scalars = Array(text.unicodeScalars)
        func offset(_ index: Int) -> Int {
            scalars[..<index].reduce(0) { $0 + UTF8.width($1) }
        }
        return offset(pair[0])..<offset(pair[1])
    }

    @Test("Every family's template writes ten conversations as jinja2 does, errors included")
    func families() throws {
        let fixture = try Fixture()
        #expect(fixture.families.count == 11)
        for family in fixture.families {
            let name = family["name"]?.stringValue ?? ""
            let source = family["template"]?.stringValue ?? ""
            let results = family["results"]?.arrayValue ?? []
            #expect(results.count == 10)
            for (index, expected) in results.enumerated() {
                var variables = fixture.conversations[index]
                variables["bos_token"] = "<s>"
                variables["eos_token"] = "</s>"
                variables["documents"] = .null
                if variables["tools"] == nil { variables["tools"] = .null }
                if name == "smollm3", variables["today"] == nil {
                    variables["today"] = "26 November 2026"
                }
                Self.check(source, variables, expected, "\(name), conversation \(index)")
            }
        }
    }

    @Test("Every piece of the language does what it does in jinja2")
    func pieces() throws {
        let fixture = try Fixture()
        #expect(fixture.pieces.count > 60)
        for piece in fixture.pieces {
            let source = piece["template"]?.stringValue ?? ""
            Self.check(source, ["data": fixture.data], piece["result"] ?? .null, source)
        }
    }

    @Test("Errors name the line and the reason")
    func namesLines() throws {
        let cases: [(String, String)] = [
            ("a\n{% if x %}\nb", "line 2: a block without 'endif'"),
            ("a\n\n{{ x + }}", "line 3: unexpected the end of the tag"),
            ("{{ 'x' | nope }}", "line 1: no filter named 'nope'"),
            ("{{ 'x' is nope }}", "line 1: no test named 'nope'"),
            ("\n{% frob %}", "line 2: the tag 'frob' is not known"),
            ("\n\n{{ messages.x.y }}", "line 3: 'messages' is undefined"),
            ("{% macro m() %}{{ m() }}{% endmacro %}\n{{ m() }}", "calls itself too deeply"),
            ("{{ 'a' * 99999999999 }}", "a value that is too large"),
            ("{{ 9223372036854775807 + 1 }}", "a number beyond 64 bits"),
        ]
        for (source, reason) in cases {
            let error = #expect(throws: TemplateError.self) {
                try ChatTemplate(source).render([:])
            }
            let text = error?.description ?? ""
            #expect(text.contains(reason) && !text.contains("\n"), "\(source): \(text)")
        }
        let nested = String(repeating: "(", count: 5000)
        #expect(throws: TemplateError.self) { try ChatTemplate("{{ " + nested) }
        let sums = "{{ 1" + String(repeating: " + 1", count: 50_000) + " }}"
        #expect(throws: TemplateError.self) { try ChatTemplate(sums) }
        let blocks = String(repeating: "{% if a %}", count: 5000)
        #expect(throws: TemplateError.self) { try ChatTemplate(blocks) }
    }

    @Test("No damaged template crashes")
    func survivesDamage() throws {
        let fixture = try Fixture()
        var state: UInt64 = 7
        func random(_ count: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(truncatingIfNeeded: (state >> 33) % UInt64(max(count, 1)))
        }
        let sources = fixture.pieces.compactMap { $0["template"]?.stringValue }
        for source in sources {
            for _ in 0..<30 {
                var scalars = Array(source.unicodeScalars)
                for _ in 0...random(2) where !scalars.isEmpty {
                    let place = random(scalars.count)
                    switch random(3) {
                    case 0: scalars.remove(at: place)
                    case 1: scalars[place] = Array("{}%()[]|.,'x1".unicodeScalars)[random(13)]
                    default: scalars.insert(scalars[random(scalars.count)], at: place)
                    }
                }
                var text = String.UnicodeScalarView()
                text.append(contentsOf: scalars)
                do {
                    _ = try ChatTemplate(String(text)).render(["data": fixture.data])
                } catch {
                    #expect(error is TemplateError)
                }
            }
        }
    }

    @Test("The date of strftime_now is the caller's")
    func writesDates() throws {
        let template = try ChatTemplate("{{ strftime_now('%Y-%m-%d') }}")
        let text = try template.render([:], date: Date(timeIntervalSince1970: 1_700_000_000)).text
        #expect(text.hasPrefix("2023-11-1"))
    }
}
