import Foundation
import MLXLMCommon
import MLXTrain
import Testing

@Suite("Records of conversations, completions and texts") struct RecordTests {
    /// The learned tokens of a record as text, one piece for each run of them.
    private func learned(
        _ record: String, template: String? = ChatJob.plain, mask: Bool = true, length: Int = 128
    ) throws -> [String] {
        let job = try ChatJob(template: template)
        let tokenizer = try job.tokenizer
        let encoder = RecordEncoder(
            tokenizer, maskPrompt: mask, maxLength: length, vocabularySize: 300)
        let (encoded, _) = try encoder.encode(
            try TrainingRecord(Array(record.utf8), place: "x.jsonl:1"), place: "x.jsonl:1")
        var runs: [[Int]] = []
        var wasTarget = false
        for (token, isTarget) in zip(encoded.tokens, encoded.isTarget) {
            if isTarget, !wasTarget { runs.append([]) }
            if isTarget { runs[runs.count - 1].append(Int(token)) }
            wasTarget = isTarget
        }
        return runs.map { tokenizer.decode(tokenIds: $0) }
    }

    private static let dialogue = """
        {"messages": [{"role": "system", "content": "be brief"},
        {"role": "user", "content": "say red"}, {"role": "assistant", "content": "red"},
        {"role": "user", "content": "say blue"}, {"role": "assistant", "content": "\\nblue\\n"}]}
        """

    @Test("every turn of the assistant is learned, and nothing else, with and without marks")
    func turns() throws {
        let plain = try learned(Self.dialogue)
        #expect(plain == ["red<|im_end|>\n", "\nblue\n<|im_end|>\n"])
        let marked = try learned(Self.dialogue, template: ChatJob.marked)
        #expect(marked == ["red<|im_end|>", "\nblue\n<|im_end|>"])
        #expect(try learned(Self.dialogue, mask: false).joined().hasSuffix("blue\n<|im_end|>\n"))
        #expect(try learned(Self.dialogue, mask: false).joined().contains("be brief"))
    }

    @Test("turns that a template writes otherwise once others follow are found too")
    func rewrittenTurns() throws {
        let template = """
            {% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}\
            {% if message['role'] == 'assistant' and loop.last %}{{ '<think>\\n\\n</think>\\n' }}{% endif %}\
            {{ message['content'] | trim }}{{ '<|im_end|>\\n' }}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
            """
        let runs = try learned(Self.dialogue, template: template)
        #expect(runs == ["red<|im_end|>", "<think>\n\n</think>\nblue<|im_end|>\n"])
    }

    @Test("tools and calls go through the template")
    func tools() throws {
        let template = """
            {% if tools %}{{ '<|im_start|>system\\n' + (tools | tojson) + '<|im_end|>\\n' }}{% endif %}\
            {% for message in messages %}{{ '<|im_start|>' + message.role + '\\n' }}\
            {% if message.tool_calls %}{{ message.tool_calls[0].function | tojson }}\
            {% else %}{{ message.content }}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}\
            {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
            """
        let record = """
            {"tools": [{"name": "sum", "args": {"b": 1, "a": 2}}], "messages": [
            {"role": "user", "content": "say"},
            {"role": "assistant", "content": null, "tool_calls": [
            {"function": {"name": "sum", "arguments": {"z": 1, "a": 2}}}]},
            {"role": "tool", "content": "3"}, {"role": "assistant", "content": "3!"}]}
            """
        #expect(
            try learned(record, template: template) == [
                #"{"name": "sum", "arguments": {"z": 1, "a": 2}}<|im_end|>"# + "\n",
                "3!<|im_end|>\n",
            ])
    }

    @Test("completions are conversations where there is a template, and joined where there is none")
    func completions() throws {
        let record = #"{"prompt": "say red", "completion": " red!", "other": 1}"#
        #expect(try learned(record) == [" red!<|im_end|>\n"])
        #expect(try learned(record, template: nil) == [" red!<|im_end|>"])
        let all = try learned(record, template: nil, mask: false)
        #expect(all.count == 1 && all[0].hasSuffix("red red!<|im_end|>"))
    }

    @Test("a text is learned whole but for its first token, with its end")
    func texts() throws {
        let whole = try learned(#"{"text": "say red"}"#)
        #expect(whole.count == 1 && "say red<|im_end|>".hasSuffix(whole[0]))
        #expect(whole[0].count >= "red<|im_end|>".count)
        #expect(try learned(#"{"text": "xyz<|im_end|>"}"#) == ["yz<|im_end|>"])
    }

    @Test("a record that is cut keeps its beginning")
    func cut() throws {
        #expect(try learned(Self.dialogue, length: 30).count <= 1)
        #expect(try learned(#"{"text": "xyzw"}"#, length: 3) == ["yz"])
    }

    @Test(
        "a record that is none is refused with its file and line",
        arguments: [
            (#"{"text": "x"#, "the record is not JSON"), (#"["x"]"#, "is no JSON object"),
            (#"{"prompt": "x"}"#, "neither messages, nor prompt and completion, nor text"),
            (#"{"text": 1}"#, "text must be a text"),
            (#"{"messages": []}"#, "a list of one message or more"),
            (#"{"messages": [{"content": "x"}]}"#, "messages[0] must be an object with a role"),
            (#"{"messages": [{"role": "user"}]}"#, "messages[0] has neither content nor"),
            (#"{"messages": [{"role": "user", "content": "x"}], "tools": 1}"#, "tools must be"),
        ])
    func refusals(line: String, words: String) throws {
        let job = try ChatJob(records: [ChatJob.records[0], "", line])
        let told = job.refusal(try job.config())
        #expect(told.contains("chats.jsonl:3: ") && told.contains(words), "\(told)")
        #expect(told.hasSuffix("[65]"))
    }

    @Test("a batch is filled up to its longest record, and no filling is learned")
    func batches() {
        var data = RecordDataset()
        data.append(EncodedRecord(tokens: [5, 6, 7], isTarget: [false, false, true]))
        data.append(
            EncodedRecord(tokens: [8, 9, 1, 2, 3], isTarget: [false, true, true, false, true]))
        #expect(data.count == 2 && data.targetCount == 4 && data.longest == 5)
        let batch = data.gather([0, 1])
        #expect(batch.length == 4 && batch.inputs == [5, 6, 0, 0, 8, 9, 1, 2])
        #expect(batch.places == [1, 4, 5, 7] && batch.targets == [7, 9, 1, 3])
        #expect(data.gather([]).inputs.isEmpty)
    }
}
