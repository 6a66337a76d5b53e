/// The names that are known at a place of a template.
final class TemplateScope {
    private var values: [String: TemplateValue] = [:]
    private let outer: TemplateScope?

    init(_ outer: TemplateScope? = nil) { self.outer = outer }

    subscript(name: String) -> TemplateValue? {
        get {
            var scope: TemplateScope? = self
            while let current = scope {
                if let value = current.values[name] { return value }
                scope = current.outer
            }
            return nil
        }
        set { values[name] = newValue }
    }
}

/// Runs the statements of a template.
struct TemplateRenderer {
    /// What a run of statements ends with.
    private enum Ending {
        case normal
        case leave
        case skip
    }

    /// Text as it grows, and what of it generation blocks wrote, in bytes of its UTF-8.
    struct Output {
        var text = ""
        var generated: [Range<Int>] = []
    }

    private let depth: Int

    /// The deepest nesting of macro calls.
    private static let deepest = 100

    init(depth: Int = 0) { self.depth = depth }

    func render(
        _ statements: [TemplateStatement], _ scope: TemplateScope, _ output: inout Output
    ) throws(TemplateError) {
        _ = try run(statements, scope, &output)
    }

    private func run(
        _ statements: [TemplateStatement], _ scope: TemplateScope, _ output: inout Output
    ) throws(TemplateError) -> Ending {
        for statement in statements {
            let ending: Ending
            do throws(TemplateFailure) {
                ending = try run(statement, scope, &output)
            } catch {
                throw error.at(line: statement.line)
            }
            if ending != .normal { return ending }
        }
        return .normal
    }

    /// Statements, whose failures know their lines already.
    private func body(
        _ statements: [TemplateStatement], _ scope: TemplateScope, _ output: inout Output
    ) throws(TemplateFailure) -> Ending {
        do throws(TemplateError) {
            return try run(statements, scope, &output)
        } catch {
            throw TemplateFailure(error)
        }
    }

    private func captured(
        _ statements: [TemplateStatement], _ scope: TemplateScope
    ) throws(TemplateFailure) -> String {
        var inner = Output()
        _ = try body(statements, scope, &inner)
        return inner.text
    }

    private func run(
        _ statement: TemplateStatement, _ scope: TemplateScope, _ output: inout Output
    ) throws(TemplateFailure) -> Ending {
        let evaluator = TemplateEvaluator(scope)
        switch statement.kind {
        case .text(let text): output.text += text
        case .output(let expression):
            output.text += PythonText.text(try evaluator.value(expression))
        case .condition(let branches, let otherwise):
            for branch in branches where try evaluator.value(branch.test).isTrue {
                return try body(branch.body, scope, &output)
            }
            return try body(otherwise, scope, &output)
        case .loop(let loop):
            try self.loop(loop, try evaluator.value(loop.source), scope, 1, &output)
        case .assign(let target, let expression):
            try assign(target, try evaluator.value(expression), scope)
        case .capture(let target, let filter, let statements):
            let text = try captured(statements, TemplateScope(scope))
            try assign(target, try filtered(text, filter, scope), scope)
        case .macro(let macro): scope[macro.name] = .function(function(macro, scope))
        case .call(let expression, let block):
            let inner = TemplateScope(scope)
            let evaluator = TemplateEvaluator(inner, caller: function(block, scope))
            output.text += PythonText.text(try evaluator.value(expression))
        case .filter(let filter, let statements):
            let text = try captured(statements, TemplateScope(scope))
            output.text += PythonText.text(try filtered(text, filter, scope))
        case .generation(let statements):
            let start = output.text.utf8.count
            let text = try captured(statements, TemplateScope(scope))
            output.text += text
            output.generated.append(start..<start + text.utf8.count)
        case .with(let values, let statements):
            let inner = TemplateScope(scope)
            for (target, expression) in values {
                try assign(target, try evaluator.value(expression), inner)
            }
            return try body(statements, inner, &output)
        case .leave: return .leave
        case .skip: return .skip
        }
        return .normal
    }

    private func filtered(
        _ text: String, _ filter: TemplateExpression?, _ scope: TemplateScope
    ) throws(TemplateFailure) -> TemplateValue {
        guard let filter else { return .string(text) }
        let inner = TemplateScope(scope)
        // The parser has written the filter behind this name.
        inner[""] = .string(text)
        return try TemplateEvaluator(inner).value(filter)
    }

    private func assign(
        _ target: TemplateTarget, _ value: TemplateValue, _ scope: TemplateScope
    ) throws(TemplateFailure) {
        switch target {
        case .name(let name): scope[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = scope[name] else {
                throw .init("cannot assign attribute on non-namespace object '\(name)'")
            }
            TemplateValue.set(.string(attribute), value, in: &namespace.members)
        case .tuple(let targets):
            let items = try TemplateEvaluator.items(value)
            guard items.count == targets.count else {
                throw .init("\(targets.count) names for \(items.count) values")
            }
            for (target, item) in zip(targets, items) { try assign(target, item, scope) }
        }
    }

    private func loop(
        _ loop: TemplateLoop, _ source: TemplateValue, _ scope: TemplateScope, _ level: Int,
        _ output: inout Output
    ) throws(TemplateFailure) {
        guard level + depth <= TemplateRenderer.deepest else { throw .init("nested too deeply") }
        var items = try TemplateEvaluator.items(source)
        if let test = loop.test {
            var kept: [TemplateValue] = []
            for item in items {
                let inner = TemplateScope(scope)
                try assign(loop.target, item, inner)
                if try TemplateEvaluator(inner).value(test).isTrue { kept.append(item) }
            }
            items = kept
        }
        guard !items.isEmpty else {
            _ = try body(loop.otherwise, TemplateScope(scope), &output)
            return
        }
        let again = TemplateFunction { (call) throws(TemplateFailure) in
            var inner = Output()
            try self.loop(loop, call.positional.first ?? .null, scope, level + 1, &inner)
            return .string(inner.text)
        }
        let state = TemplateLoopState(
            items: items, depth: level, again: loop.isRecursive ? again : nil)
        for (index, item) in items.enumerated() {
            let inner = TemplateScope(scope)
            state.index = index
            inner["loop"] = .loop(state)
            try assign(loop.target, item, inner)
            if try body(loop.body, inner, &output) == .leave { break }
        }
    }

    /// A macro as a function that sees the names of the place where it stands.
    private func function(_ macro: TemplateMacro, _ scope: TemplateScope) -> TemplateFunction {
        TemplateFunction { (call) throws(TemplateFailure) in
            guard depth < TemplateRenderer.deepest else {
                throw .init("macro '\(macro.name)' calls itself too deeply")
            }
            let inner = TemplateScope(scope)
            try bind(macro, call, inner)
            let renderer = TemplateRenderer(depth: depth + 1)
            return .string(try renderer.captured(macro.body, inner))
        }
    }

    private func bind(
        _ macro: TemplateMacro, _ call: TemplateCall, _ scope: TemplateScope
    ) throws(TemplateFailure) {
        var named = call.named
        for (index, parameter) in macro.parameters.enumerated() {
            let place = named.firstIndex { $0.name == parameter.name }
            if index < call.positional.count {
                scope[parameter.name] = call.positional[index]
                guard place == nil else {
                    throw .init("macro '\(macro.name)' got '\(parameter.name)' twice")
                }
            } else if let place {
                scope[parameter.name] = named.remove(at: place).value
            } else if let preset = parameter.preset {
                scope[parameter.name] = try TemplateEvaluator(scope).value(preset)
            } else {
                scope[parameter.name] = .undefined(
                    "parameter '\(parameter.name)' was not provided")
            }
        }
        if let place = named.firstIndex(where: { $0.name == "caller" }) {
            scope["caller"] = named.remove(at: place).value
        }
        let rest = call.positional.dropFirst(macro.parameters.count)
        scope["varargs"] = .tuple(Array(rest))
        scope["kwargs"] = .object(named.map { (.string($0.name), $0.value) })
        if !rest.isEmpty, !macro.usesMore {
            throw .init(
                "macro '\(macro.name)' takes not more than \(macro.parameters.count) argument(s)")
        }
        if let extra = named.first, !macro.usesMoreNamed {
            throw .init("macro '\(macro.name)' takes no keyword argument '\(extra.name)'")
        }
    }
}
