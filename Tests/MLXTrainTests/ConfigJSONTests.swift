import MLXTrain
import Testing

@Suite("JSON is read strictly, with the place of every error")
struct ConfigJSONTests {
    static let syntax = [
        ("", "1:1: not valid JSON: the file holds no JSON value"),
        ("  \n ", "2:2: not valid JSON: the file holds no JSON value"),
        ("{", "1:2: not valid JSON: expected a key in quotes, found the end"),
        ("{\"a\" 1}", "1:6: not valid JSON: expected ':' after the key, found '1'"),
        ("{\"a\":}", "1:6: not valid JSON: expected a value, found '}'"),
        ("{\"a\": 1\n \"b\": 2}", "2:2: not valid JSON: expected ',' or '}', found '\"'"),
        ("{\"a\": 1,\n}", "1:8: not valid JSON: a comma before the closing bracket is not allowed"),
        ("[1,]", "1:3: not valid JSON: a comma before the closing bracket is not allowed"),
        ("{a: 1}", "1:2: not valid JSON: expected a key in quotes, found 'a'"),
        ("[1 2]", "1:4: not valid JSON: expected ',' or ']', found '2'"),
        ("{} x", "1:4: not valid JSON: expected nothing after the value"),
        ("[tru]", "1:2: not valid JSON: expected a value, found 'tru' without quotes"),
        ("[NaN]", "1:2: not valid JSON: expected a value, found 'NaN' without quotes"),
        ("[01]", "1:2: not valid JSON: a number may not begin with 0: 01"),
        ("[1.]", "1:4: not valid JSON: expected a digit after the point, found ']'"),
        ("[1e]", "1:4: not valid JSON: expected a digit of the exponent, found ']'"),
        ("[-]", "1:3: not valid JSON: expected a digit, found ']'"),
        ("[.5]", "1:2: not valid JSON: expected a value, found '.'"),
        ("// hi\n{}", "1:1: not valid JSON: expected a value, found '/': JSON has no comments"),
        ("[\"a\n\"]", "1:2: not valid JSON: the string that begins here has no closing quote"),
        ("[\"\t\"]", "1:3: not valid JSON: a control character in a string"),
        ("[\"\\q\"]", "1:3: not valid JSON: unknown escape in a string"),
        ("[\"\\ud800\"]", "1:3: not valid JSON: half of a surrogate pair in a string"),
        ("[\"\\u12g4\"]", "1:7: not valid JSON: expected four hexadecimal digits after \\u"),
        ("[\"ü€𝄞\", ?]", "1:9: not valid JSON: expected a value, found '?'"),
        ("['a']", "1:2: not valid JSON: expected a value, found '''"),
    ]

    @Test(arguments: syntax)
    func `a syntax error has its line and column`(json: String, words: String) {
        #expect {
            try JSONParser.parse(Array(json.utf8), source: "x.json")
        } throws: { error in
            let text = "\(error)"
            return text.hasPrefix("x.json:" + words) && (error as? ConfigError)?.exitStatus == 64
        }
    }

    @Test func `bytes that are not UTF-8 are refused with their line`() {
        #expect {
            try JSONParser.parse([0x7B, 0x0A, 0x22, 0xFF, 0x22], source: "x")
        } throws: { "\($0)" == "x:2:1: not valid JSON: this line is not UTF-8 text" }
    }

    @Test func `nesting has a limit instead of a crash`() {
        let json = String(repeating: "[", count: 100_000)
        #expect {
            try JSONParser.parse(Array(json.utf8), source: "x")
        } throws: { "\($0)" == "x:1:129: not valid JSON: nested deeper than 128 levels" }
    }

    @Test func `a tree prints as it was read`() throws {
        let json = #"{"a": [1, -0.5e-3, true, null, []], "ü": {"b": "\"\\\n\u0001"}, "c": {}}"#
        let tree = try JSONParser.parse(Array(json.utf8), source: "x")
        #expect(tree.compact == json)
        let again = try JSONParser.parse(Array(tree.prettyPrinted().utf8), source: "x")
        #expect(again.compact == json)
    }

    @Test func `escapes are undone`() throws {
        let json = "[\"\\u00fc \\ud834\\udd1e \\/ \\b\\f\\r\\t\"]"
        let tree = try JSONParser.parse(Array(json.utf8), source: "x")
        guard case .array(let nodes) = tree.value, case .string(let text)? = nodes.first?.value
        else {
            Issue.record("expected a string")
            return
        }
        #expect(text == "ü 𝄞 / \u{8}\u{C}\r\t")
    }

    @Test func `a byte order mark before the text is skipped`() throws {
        let tree = try JSONParser.parse([0xEF, 0xBB, 0xBF] + Array("{}".utf8), source: "x")
        #expect(tree.compact == "{}")
    }

    @Test func `numbers print in the shortest text that reads back to the same bits`() {
        let values = [0.1, 1e-8, 1e300, -2.5, 3, 0, .pi, 1e-300]
        for value in values { #expect(Double(JSONNode.number(value).compact) == value) }
        #expect(JSONNode.number(4).compact == "4")
        #expect(JSONNode.number(.nan).compact == "null")
    }
}
