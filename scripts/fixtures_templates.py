#!/usr/bin/env python3
"""Writes Tests/Fixtures/templates.json: what jinja2, as transformers sets it up, makes of templates.

The templates of the families are written here from the formats that the models expect; each is
rendered over the same conversations. Needs the packages jinja2 and transformers.
"""
import datetime
import json
from pathlib import Path

import jinja2
from transformers.utils import chat_template_utils as chats

FILE = Path(__file__).resolve().parent.parent / "Tests" / "Fixtures" / "templates.json"

CHATML = """{%- for message in messages %}
    {%- if loop.first and messages[0]['role'] != 'system' %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
    {{- '<|im_start|>' + message['role'] + '\\n' }}
    {%- if message.role == 'assistant' %}
        {%- generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}
    {%- else %}
        {{- (message['content'] or '') + '<|im_end|>' + '\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
"""

SMOLLM2 = ("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
           "{{ '<|im_start|>system\\nYou are a small model.<|im_end|>\\n' }}{% endif %}"
           "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
           "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")

LLAMA2 = """{% if messages[0]['role'] == 'system' %}
    {% set loop_messages = messages[1:] %}
    {% set system_message = messages[0]['content'] %}
{% else %}
    {% set loop_messages = messages %}
    {% set system_message = false %}
{% endif %}
{% for message in loop_messages %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must alternate: user, assistant, user, assistant') }}
    {% endif %}
    {% if loop.index0 == 0 and system_message != false %}
        {% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
    {% else %}
        {% set content = message['content'] %}
    {% endif %}
    {% if message['role'] == 'user' %}
        {{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
    {% elif message['role'] == 'assistant' %}
        {{ ' '  + content.strip() + ' ' + eos_token }}
    {% endif %}
{% endfor %}"""

LLAMA3 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not tools_in_user_message is defined %}
    {%- set tools_in_user_message = true %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message, which comes first. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if builtin_tools is defined or tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{%- if builtin_tools is defined %}
    {{- "Tools: " + builtin_tools | reject('equalto', 'code_interpreter') | join(", ") + "\\n\\n"}}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none and not tools_in_user_message %}
    {{- "You have access to functions.\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- if tools_in_user_message and not tools is none %}
    {%- if messages | length != 0 %}
        {%- set first_user_message = messages[0]['content']|trim %}
        {%- set messages = messages[1:] %}
    {%- else %}
        {{- raise_exception("Cannot put tools in the first user message when there's none!") }}
{%- endif %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\n' -}}
    {{- "Given the functions, answer with JSON.\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
    {{- first_user_message + "<|eot_id|>"}}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
        {{- message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {%- if builtin_tools is defined and tool_call.name in builtin_tools %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
            {{- "<|python_tag|>" + tool_call.name + ".call(" }}
            {%- for arg_name, arg_val in tool_call.arguments | items %}
                {{- arg_name + '="' + arg_val + '"' }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- endif %}
                {%- endfor %}
            {{- ")" }}
        {%- else  %}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
            {{- '{"name": "' + tool_call.name + '", ' }}
            {{- '"parameters": ' }}
            {{- tool_call.arguments | tojson }}
            {{- "}" }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, roles must alternate") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
        {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function|tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id|length != 9 %}
                {{- raise_exception("Tool call IDs should be 9 characters!") }}
            {%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}
            {%- if not loop.last %}
                {{- ", " }}
            {%- else %}
                {{- "]" + eos_token }}
            {%- endif %}
        {%- endfor %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] == "tool_results" or message["role"] == "tool" %}
        {%- if message.content is defined and message.content.content is defined %}
            {%- set content = message.content.content %}
        {%- else %}
            {%- set content = message.content %}
        {%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content|string + ", " }}
        {{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported") }}
    {%- endif %}
{%- endfor %}
"""

QWEN25 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n\\n{\\"name\\": <function-name>}\\n</tool_call><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are Qwen.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""

QWEN3 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}
        {{- messages[0].content + '\\n\\n' }}
    {%- endif %}
    {{- "# Tools\\n\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}
        {%- set content = message.content %}
    {%- else %}
        {%- set content = '' %}
    {%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in content %}
                {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
                {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index %}
            {%- if loop.last or (not loop.last and reasoning_content) %}
                {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
            {%- else %}
                {{- '<|im_start|>' + message.role + '\\n' + content }}
            {%- endif %}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}
                    {{- '\\n' }}
                {%- endif %}
                {%- if tool_call.function %}
                    {%- set tool_call = tool_call.function %}
                {%- endif %}
                {{- '<tool_call>\\n{"name": "' }}
                {{- tool_call.name }}
                {{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}
                    {{- tool_call.arguments }}
                {%- else %}
                    {{- tool_call.arguments | tojson }}
                {%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""

GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + '<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"""

GEMMA3 = """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set loop_messages = messages[1:] -%}
{%- else -%}
    {%- set first_user_prefix = "" -%}
    {%- set loop_messages = messages -%}
{%- endif -%}
{%- for message in loop_messages -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
    {%- endif -%}
    {%- if (message['role'] == 'assistant') -%}
        {%- set role = "model" -%}
    {%- else -%}
        {%- set role = message['role'] -%}
    {%- endif -%}
    {{ '<start_of_turn>' + role + '\\n' + (first_user_prefix if loop.first else "") }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}
                {{ '<start_of_image>' }}
            {%- elif item['type'] == 'text' -%}
                {{ item['text'] | trim }}
            {%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception("Invalid content type") }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{'<start_of_turn>model\\n'}}
{%- endif -%}
"""

PHI3 = """{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\\n' + message['content'] + '<|end|>\\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\\n' + message['content'] + '<|end|>\\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% else %}{{ eos_token }}{% endif %}"""

SMOLLM3 = """{%- if enable_thinking is not defined -%}
{%- set enable_thinking = true -%}
{%- endif -%}
{%- if enable_thinking -%}
  {%- set reasoning_mode = "/think" -%}
{%- else -%}
  {%- set reasoning_mode = "/no_think" -%}
{%- endif -%}
{%- macro render_tool(tool, label="Tool", indent=2) -%}
    {{- label ~ ": " ~ tool.function.name }}
    {%- for name, spec in tool.function.parameters.properties.items() %}
        {{- "\\n" + " " * indent + "- " + name + " (" + spec.type|default("any") + ")" }}
        {%- if spec.description is defined %}: {{ spec.description | capitalize }}{% endif %}
    {%- endfor %}
    {{- "\\n" }}
{%- endmacro -%}
{{- "<|im_start|>system\\n" -}}
{%- if messages[0].role == "system" -%}
  {%- set system_message = messages[0].content -%}
  {%- if "/no_think" in system_message -%}
    {%- set reasoning_mode = "/no_think" -%}
  {%- elif "/think" in system_message -%}
    {%- set reasoning_mode = "/think" -%}
  {%- endif -%}
  {%- set custom_instructions = system_message.replace("/no_think", "").replace("/think", "").rstrip() -%}
{%- endif -%}
{{- "## Metadata\\n\\n" -}}
{%- set today = today | default(strftime_now("%d %B %Y")) -%}
{{- "Today Date: " ~ today ~ "\\n" -}}
{{- "Reasoning Mode: " + reasoning_mode + "\\n\\n" -}}
{%- if custom_instructions -%}
  {{- custom_instructions + "\\n\\n" -}}
{%- endif -%}
{%- if tools -%}
  {%- for tool in tools -%}
    {{- render_tool(tool, indent=4) -}}
  {%- endfor -%}
  {{- render_tool(tools[0], label="First") | upper | trim -}}
{%- endif -%}
{{- "<|im_end|>\\n" -}}
{%- for message in messages -%}
    {%- set content = message.content if message.content is string else "" -%}
    {%- if message.role == "user" -%}
        {{ "<|im_start|>" + message.role + "\\n"  + content + "<|im_end|>\\n" }}
    {%- elif message.role == "assistant" -%}
        {%- generation -%}
        {%- if reasoning_mode == "/think" -%}
            {{ "<|im_start|>assistant\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- else -%}
            {{ "<|im_start|>assistant\\n" + "<think>\\n\\n</think>\\n" + content.lstrip("\\n") + "<|im_end|>\\n" }}
        {%- endif -%}
        {%- endgeneration -%}
    {%- elif message.role == "tool" -%}
    {{ "<|im_start|>" + "user\\n"  + content + "<|im_end|>\\n" }}
    {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{ "<|im_start|>assistant\\n" }}
{%- endif -%}"""

FAMILIES = {
    "chatml": CHATML, "smollm2": SMOLLM2, "llama2": LLAMA2, "llama3": LLAMA3, "mistral": MISTRAL,
    "qwen2.5": QWEN25, "qwen3": QWEN3, "gemma": GEMMA, "gemma3": GEMMA3, "phi3": PHI3,
    "smollm3": SMOLLM3,
}

WEATHER = {"type": "function", "function": {
    "name": "get_weather", "description": "Looks up <the> \"weather\" & more: 25°C.",
    "parameters": {"type": "object", "properties": {
        "city": {"type": "string", "description": "the city's name"},
        "days": {"type": "integer", "default": 3}, "units": {"enum": ["°C", "°F"]}},
        "required": ["city"]}}}
SEARCH = {"type": "function", "function": {
    "name": "search", "description": "Searches.", "parameters": {
        "type": "object", "properties": {}, "required": []}, "return": {"type": "string"}}}


def say(role, content, **more):
    return {"role": role, "content": content, **more}


CALL = {"id": "call12345", "type": "function", "function": {
    "name": "get_weather", "arguments": {"city": "Zürich", "days": 2, "deep": {"a": [1, 2.5, None]}}}}
CONVERSATIONS = [
    {"messages": [say("user", "Hello!")], "add_generation_prompt": True},
    {"messages": [say("system", "Be brief."), say("user", "  Hi there \n")],
     "add_generation_prompt": True},
    {"messages": [say("user", "1 + 1?"), say("assistant", "2"), say("user", "And 2 + 2?"),
                  say("assistant", " 4 ")], "add_generation_prompt": False},
    {"messages": [say("system", "You help. /no_think"), say("user", "Wie geht's?\n\nGut?"),
                  say("assistant", "<think>\nHm, \"quotes\" & <tags>\n</think>\n\nSehr gut 😀, danke."),
                  say("user", "日本語 e\u0301 é \\ back\tslash")],
     "add_generation_prompt": True, "enable_thinking": False},
    {"messages": [say("user", "Weather in Zürich?")], "tools": [WEATHER, SEARCH],
     "add_generation_prompt": True},
    {"messages": [say("system", "Use tools."), say("user", "Weather?"),
                  say("assistant", "", tool_calls=[CALL]),
                  say("tool", "{\"temperature\": 21.5}", tool_call_id="call12345", name="get_weather"),
                  say("assistant", "21.5 degrees."), say("user", "Thanks")],
     "tools": [WEATHER], "add_generation_prompt": True},
    {"messages": [say("user", "Two calls"), say("assistant", None, tool_calls=[CALL, CALL]),
                  say("tool", "a", tool_call_id="call12345"), say("tool", "b", tool_call_id="call12345")],
     "tools": [SEARCH, WEATHER], "add_generation_prompt": True, "tools_in_user_message": False},
    {"messages": [say("user", "a"), say("user", "b")], "add_generation_prompt": False},
    {"messages": [say("user", [{"type": "text", "text": " Look: "}, {"type": "image"},
                               {"type": "text", "text": "what is it?"}])],
     "add_generation_prompt": True},
    {"messages": [say("user", "x"), say("assistant", "y", reasoning_content="because\n"),
                  say("user", ""), say("assistant", "z\n", reasoning_content="\nso")],
     "add_generation_prompt": False, "builtin_tools": ["brave_search", "code_interpreter"],
     "date_string": "1 Jan 2025", "today": "Friday"},
]

# Pieces of the language, each a template over a few variables.
PIECES = [
    "{{ 1 + 2 * 3 - 4 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 3 ** 2 }}",
    "{{ 1e16 }} {{ 0.1 + 0.2 }} {{ 1.0 }} {{ 1e-5 }} {{ 123456789.125 }} {{ 10 / 4 }} {{ 5.5 // 2 }}",
    "{{ true }} {{ none }} {{ [1, 'a', \"it's\", none, true, 2.5] }} {{ {'a': 1, 'b': [()]} }} {{ (1,) }}",
    "{{ 'a' ~ 1 ~ none ~ true }} {{ 'x' * 3 }} {{ [1] * 2 + [3] }} {{ 'a' 'b' }}",
    "{{ 1 < 2 < 3 }} {{ 'a' in 'cat' }} {{ 2 not in [1, 3] }} {{ not true or false and true }} {{ 1 == 1.0 }}",
    "{{ nothing }}|{{ nothing is defined }}|{{ nothing | default('d') }}|{{ '' | default('e', true) }}|{{ data.none_such }}",
    "{{ 'yes' if data.flag else 'no' }} {{ 'only' if false }}|{{ (1 if false) is undefined }}",
    "{% for k, v in data.map.items() %}{{ k }}={{ v }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for x in range(5) if x is odd %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% else %}none{% endfor %}",
    "{% for x in [] %}x{% else %}empty{% endfor %}{% for x in nothing %}{% else %} nothing{% endfor %}",
    "{% for x in [1,2,3,4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{{ loop.previtem }}{{ loop.nextitem }} {% endfor %}",
    "{% for x in 'abc' %}{{ loop.cycle('odd', 'even') }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.changed(x) }} {% endfor %}",
    "{% set x = 1 %}{% for i in [1,2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}",
    "{% set ns = namespace(a=1) %}{% for i in [1,2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }} {{ ns.b is defined }}",
    "{% set a, b = 1, [2, 3] %}{% set (c, d) = b %}{{ a }}{{ b }}{{ c }}{{ d }}{% set t %}in {{ a }}{% endset %}[{{ t }}]",
    "{% macro m(a, b=2, c=a) %}{{ a }}-{{ b }}-{{ c }}{% endmacro %}{{ m(1) }} {{ m(1, c=5) }} {{ m(b=3, a=4) }}",
    "{% macro outer(x) %}<{{ caller(x, 1) if caller is defined else 'none' }}>{% endmacro %}{% call(a, b) outer('q') %}{{ a }}{{ b }}{% endcall %}{{ outer(1) }}",
    "{% macro v() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ v(1, 2, k='w') }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% set x = 1 %}{% macro g() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ g() }}",
    "{{ data.text | upper }} {{ data.text | title }} {{ data.text | capitalize }} {{ data.text.lower() }} {{ 'ß'.upper() }}",
    "{{ ' a b '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abc'.lstrip('ab') }}|{{ 'a,b,,c'.split(',') }}|{{ ' a  b '.split() }}|{{ 'a-b-c'.split('-', 1) }}|{{ 'a-b-c'.rsplit('-', 1) }}",
    "{{ 'abc'.startswith(('x', 'ab')) }} {{ 'abc'.endswith('bc') }} {{ 'aXbX'.replace('X', '--') }} {{ 'aaa'.replace('a', 'b', 2) }} {{ 'abcabc'.find('c') }} {{ 'abcabc'.rfind('c') }} {{ 'abcabc'.count('bc') }} {{ 'é日本x'.index('x') }}",
    "{{ '-'.join(['a', 'b']) }} {{ 'ab12'.isalnum() }} {{ '12'.isdigit() }} {{ 'ab'.isalpha() }} {{ ' '.isspace() }} {{ 'A'.isupper() }} {{ 'a=b=c'.partition('=') }} {{ 'abc'.removeprefix('a').removesuffix('c') }} {{ '7'.zfill(3) }}",
    "{{ 'l1\\nl2\\r\\nl3'.splitlines() }} {{ 'aBc'.swapcase() }} {{ 'hello world'.title() }} {{ 'x'.ljust(3) }}| {{ 'x'.rjust(3, '.') }}",
    "{{ data.list[0] }} {{ data.list[-1] }} {{ data.list[1:] }} {{ data.list[:-1] }} {{ data.list[::-1] }} {{ data.list[::2] }} {{ data.text[1:3] }} {{ data.text[-1] }} {{ data['map']['k'] }} {{ data.list[10] is undefined }}",
    "{{ data.list | join(', ') }} {{ data.list | first }} {{ data.list | last }} {{ data.list | length }} {{ data.list | reverse | list }} {{ 'abc' | reverse }} {{ data.list | sum }} {{ data.list | max }} {{ data.list | min }} {{ [3,1,2] | sort }} {{ ['b','A','c'] | sort(reverse=true) }}",
    "{{ data.items_ | map(attribute='n') | list }} {{ data.items_ | selectattr('n', 'gt', 1) | map(attribute='s') | join }} {{ data.items_ | rejectattr('ok') | list | length }} {{ [1,2,3,4] | select('even') | list }} {{ [1,'',none,2] | select | list }} {{ ['a','b'] | map('upper') | list }} {{ [1,1,2] | unique | list }}",
    "{% for g, xs in data.items_ | groupby('ok') %}{{ g }}:{{ xs | map(attribute='n') | list }} {% endfor %}{{ [1,2,3,4,5] | batch(2) | list }} {{ {'b': 1, 'a': 2} | dictsort }}",
    "{{ '42' | int + 1 }} {{ 'x' | int(7) }} {{ '2.5' | float }} {{ 3.7 | int }} {{ -3 | abs }} {{ 2.567 | round(2) }} {{ 2.5 | round }} {{ 7 | string + '!' }} {{ '<a>' | escape }} {{ '<a>' | safe }}",
    "{{ 'a\\nb\\n\\nc' | indent(2) }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'one two three' | wordcount }}|{{ 'one two three four' | truncate(9) }}|{{ '%s-%d-%.2f' | format('a', 3, 2.5) }}|{{ '%s' % 'z' }}",
    "{{ data | tojson }}\n{{ data.map | tojson(indent=2) }}\n{{ {'b': 1, 'a': [1, {}, []]} | tojson(sort_keys=true, separators=(',', ':')) }}\n{{ 'é\"\\\\\\n\\u2028😀\\x7f\\x01' | tojson }} {{ 'é😀' | tojson(ensure_ascii=true) }}",
    "{{ data is mapping }} {{ data.list is sequence }} {{ data.text is string }} {{ 1 is number }} {{ 1.5 is float }} {{ true is boolean }} {{ 1 is integer }} {{ none is none }} {{ data.list is iterable }} {{ 4 is divisibleby 2 }} {{ 3 is eq 3 }} {{ 'a' is in ['a'] }} {{ range is callable }} {{ 5 is not even }} {{ data.flag is true }} {{ 1 is sameas 1 }}",
    "  {% if true %}  \n    kept\n  {% endif %}\n  tail {%- if true -%}  x  {%- endif %}\n\n  {#- gone -#}  y\n {# c #}\nz\n",
    "a\n  {%+ if true %}b{% endif +%}\n c {{- ' d ' -}} e\r\nf\n\n",
    "{% raw %}{{ x }} {% if %}{% endraw %} {{ '{{' }} {%- raw -%}  y  {%- endraw -%}  z",
    "{% filter upper %}abc {{ data.text }}{% endfilter %} {% with a=1, b=2 %}{{ a + b }}{% endwith %} {% set u | upper %}xy{% endset %}{{ u }}",
    "{% generation %}one{% endgeneration %} two {% for i in [1,2] %}{% generation %}é{{ i }}{% endgeneration %},{% endfor %}",
    "{{ dict(a=1, b=2) }} {{ dict([('x', 1)]).x }} {{ data.map.get('k') }} {{ data.map.get('zz', 'dflt') }} {{ data.map.keys() | list }} {{ data.map.values() | list }} {{ data.map | items | list }} {{ data.map | length }} {{ 'k' in data.map }}",
    "{{ [[1, [2]], 'x'][0][1][0] }} {{ {'a': {'b': 5}}.a.b }} {{ 'abc'[1] }} {{ [1,2].index(2) }} {{ (1, 2)[1] }} {{ data.list.0 }}",
    "{%- for row in [[1, [2, 3]], [4, [5, 6]]] recursive %}{% endfor %}{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for n in data.tree recursive %}{{ n.v }}{% if n.c %}({{ loop(n.c) }}){% endif %}{{ loop.depth }}{% endfor %}",
    "{{ strftime_now('%Y') | length }} {{ '\\u00e9\\x41\\n\\'' }} {{ 'tab\\tq' }}",
    "{{ raise_exception('Not ' ~ 'here') }}", "{{ nothing.attribute }}", "{{ 1 + 'a' }}", "{{ nothing + 'a' }}",
    "{{ 'a' | no_such_filter }}", "{{ [1].append(2) }}", "{% set data.x = 1 %}", "{{ undefined_function() }}",
    "{% if %}", "{{ 'unclosed }}", "{% for x in y %}", "{{ (1 }}", "{% unknown %}", "{{ 1 2 }}", "{{ a.b. }}",
    "{% endif %}", "{{ 1 / 0 }}", "{{ range(1000000000) }}", "{{ [1, 2] | tojson(1, 2, 3, 4, 5) }}{{ 5() }}",
]
DATA = {"text": "héLLo wörld", "flag": True, "list": [3, 1, 2], "map": {"k": "v", "z": 1, "ä": None},
        "items_": [{"n": 1, "s": "a", "ok": True}, {"n": 2, "s": "b", "ok": False},
                   {"n": 3, "s": "c", "ok": True}],
        "tree": [{"v": 1, "c": [{"v": 2, "c": []}, {"v": 3, "c": [{"v": 4, "c": []}]}]}]}


def render(template, variables):
    """The text and the marked ranges; an error's kind and text where there is one."""
    try:
        compiled = chats._compile_jinja_template(template)
        text, ranges = chats._render_with_assistant_indices(
            compiled_template=compiled, messages=variables.get("messages"),
            tools=variables.get("tools"), documents=None,
            add_generation_prompt=variables.get("add_generation_prompt", False),
            **{key: value for key, value in variables.items()
               if key not in ("messages", "tools", "add_generation_prompt")})
        return {"text": text, "ranges": [list(pair) for pair in ranges]}
    except jinja2.exceptions.TemplateSyntaxError as error:
        return {"syntax": error.message, "line": error.lineno}
    except jinja2.exceptions.UndefinedError as error:
        return {"error": str(error)}
    except jinja2.exceptions.TemplateError as error:
        return {"raised": str(error)}
    except Exception as error:  # Python's own, raised by the template's expressions.
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    tokens = {"bos_token": "<s>", "eos_token": "</s>"}
    families = []
    for name, template in FAMILIES.items():
        results = []
        for conversation in CONVERSATIONS:
            if name == "smollm3" and "today" not in conversation:
                conversation = conversation | {"today": "26 November 2026"}
            results.append(render(template, tokens | conversation))
        families.append({"name": name, "template": template, "results": results})
    pieces = [{"template": piece, "result": render(piece, {"data": DATA})} for piece in PIECES]
    table = {"conversations": CONVERSATIONS, "data": DATA, "families": families, "pieces": pieces}
    FILE.write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
