import Foundation
import MLXLMCommon
import Testing

@Suite("Conversations, masks, streams and bad files of tokenizers")
struct TokenizerChatTests {
    private static let template =
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' %}"
        + "{% generation %}{{ m.content + '<|im_end|>' }}{% endgeneration %}{% else %}"
        + "{{ m.content + '<|im_end|>' }}{% endif %}{{ '\n' }}{% endfor %}"
        + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

    private static func folder(_ name: String) throws -> TokenizerTemporaryFolder {
        let folder = try TokenizerTemporaryFolder()
        try FileManager.default.copyItem(
            at: TokenizerFixtures.folder.appending(path: "\(name).json"),
            to: folder.url.appending(path: "tokenizer.json"))
        return folder
    }

    @Test("The loss mask covers what the assistant says, in every turn, and nothing else")
    func masksAssistant() throws {
        for name in ["smollm", "qwen2", "llama2", "unigram", "bert"] {
            let folder = try Self.folder(name)
            try folder.write(Self.template, to: "chat_template.jinja")
            let tokenizer = try PreTrainedTokenizer(directory: folder.url)
            let messages: [OrderedJSON] = [
                ["role": "user", "content": "Où e\u{301}tes-vous ?"],
                ["role": "assistant", "content": "Ici, 日本 👍🏽 e\u{301}!"],
                ["role": "user", "content": "Good"], ["role": "assistant", "content": "bye"],
            ]
            let chat = try tokenizer.renderChat(messages: messages)
            #expect(chat.generationRanges.count == 2)
            let (ids, mask) = tokenizer.encodeWithMask(chat)
            #expect(ids == tokenizer.encode(text: chat.text, addSpecialTokens: false))
            #expect(mask.count == ids.count)
            let bytes = Array(chat.text.utf8)
            let (_, ranges) = tokenizer.encodeWithRanges(text: chat.text)
            for (range, isGenerated) in zip(ranges, mask) {
                let touches = chat.generationRanges.contains { $0.overlaps(range) }
                #expect(touches == isGenerated)
                #expect(range.upperBound <= bytes.count && !range.isEmpty)
            }
            if name == "smollm" || name == "qwen2" {
                let said = zip(ids, mask).filter(\.1).map(\.0)
                let text = tokenizer.decode(tokenIds: said)
                let spoken = "Ici, 日本 👍🏽 e\u{301}!<|im_end|>bye<|im_end|>"
                #expect(text.unicodeScalars.count <= spoken.unicodeScalars.count)
                #expect(text == spoken)
            }
        }
    }

    @Test("Ranges tell where each token came from")
    func givesRanges() throws {
        for name in ["gpt2", "llama3", "tekken"] {
            let tokenizer = try PreTrainedTokenizer(
                tokenizerFile: TokenizerFixtures.folder.appending(path: "\(name).json"))
            for line in try TokenizerFixtures.torture().prefix(500) {
                let (ids, ranges) = tokenizer.encodeWithRanges(text: line)
                #expect(ids.count == ranges.count)
                var end = 0
                for range in ranges {
                    #expect(range.lowerBound == end)
                    end = range.upperBound
                }
                #expect(end == line.utf8.count)
            }
        }
    }

    @Test("A conversation without a template is refused, and one with tools finds its own")
    func findsTemplates() throws {
        let plain = try Self.folder("gpt2")
        let bare = try PreTrainedTokenizer(directory: plain.url)
        #expect(throws: TokenizerError.missingChatTemplate) {
            try bare.applyChatTemplate(messages: [["role": "user", "content": "x"]])
        }
        let folder = try Self.folder("smollm")
        try folder.write(
            #"""
            {"bos_token": "<|im_start|>", "eos_token": {"content": "<|im_end|>"},
             "chat_template": [{"name": "default", "template": "{{ eos_token }}plain"},
                               {"name": "tool_use", "template": "{{ tools | tojson }}"}]}
            """#, to: "tokenizer_config.json")
        let tokenizer = try PreTrainedTokenizer(directory: folder.url)
        #expect(tokenizer.bosTokenId == 1 && tokenizer.eosTokenId == 2)
        let message: OrderedJSON = ["role": "user", "content": "x"]
        #expect(try tokenizer.renderChat(messages: [message]).text == "<|im_end|>plain")
        let tool: OrderedJSON = ["name": "f", "b": 1, "a": [1.5, nil]]
        let chat = try tokenizer.renderChat(messages: [message], tools: [tool])
        #expect(chat.text == #"[{"name": "f", "b": 1, "a": [1.5, null]}]"#)
    }

    @Test("Streams give the decoded text, and never half of a character")
    func streams() throws {
        let names = [
            "gpt2", "qwen2", "llama2", "gemma", "phi3", "unigram-bytes", "bert", "word-ends",
        ]
        for name in names {
            let tokenizer = try PreTrainedTokenizer(
                tokenizerFile: TokenizerFixtures.folder.appending(path: "\(name).json"))
            for line in try TokenizerFixtures.torture().prefix(400) {
                let ids = tokenizer.encode(text: line, addSpecialTokens: false)
                var stream = tokenizer.makeStreamingDetokenizer()
                var text = ""
                for id in ids {
                    stream.append(token: id)
                    let part = stream.next() ?? ""
                    #expect(!part.unicodeScalars.contains("\u{FFFD}") || line.contains("\u{FFFD}"))
                    text += part
                }
                text += stream.finish() ?? ""
                let whole = tokenizer.decode(tokenIds: ids, skipSpecialTokens: true)
                if name != "word-ends" { #expect(text == whole, "\(name): \(line)") }
            }
        }
    }

    @Test("A stream of broken bytes ends, and says so")
    func streamsBrokenBytes() throws {
        let tokenizer = try PreTrainedTokenizer(
            tokenizerFile: TokenizerFixtures.folder.appending(path: "gpt2.json"))
        let ids = tokenizer.encode(text: "日", addSpecialTokens: false)
        let first = try #require(ids.first)
        var stream = tokenizer.makeStreamingDetokenizer()
        stream.append(token: first)
        #expect(ids.count == 1 || stream.next() == nil)
        stream.append(token: 10_000)
        if ids.count > 1 { #expect(stream.finish() == "\u{FFFD}") }
        #expect(tokenizer.convertIdToToken(10_000) == nil)
        #expect(tokenizer.decode(tokenIds: [-1, 10_000]) == "")
    }

    @Test("A stream that decodes anew gives the same text")
    func streamsNaively() throws {
        for name in ["gpt2", "llama2", "bert"] {
            let tokenizer = try PreTrainedTokenizer(
                tokenizerFile: TokenizerFixtures.folder.appending(path: "\(name).json"))
            let text = "Hello 日本 👍🏽 world\nof  lines\n\n and more.\n"
            let ids = tokenizer.encode(text: text, addSpecialTokens: false)
            var stream = NaiveStreamingDetokenizer(tokenizer: tokenizer)
            var result = ""
            for id in ids {
                stream.append(token: id)
                result += stream.next() ?? ""
            }
            result += stream.finish() ?? ""
            #expect(result == tokenizer.decode(tokenIds: ids), "\(name)")
        }
    }

    @Test("Several threads encode at once", .timeLimit(.minutes(1)))
    func encodesConcurrently() async throws {
        let tokenizer = try PreTrainedTokenizer(
            tokenizerFile: TokenizerFixtures.folder.appending(path: "smollm.json"))
        let lines = try TokenizerFixtures.torture()
        let alone = lines.map { tokenizer.encode(text: $0) }
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<4 {
                group.addTask { lines.map { tokenizer.encode(text: $0) } == alone }
            }
            for await same in group { #expect(same) }
        }
    }
}
