/**
 * The words of the pages, in English and Chinese: `?lang=en|zh` or else the browser's language. Markup bears English
 * words and the keys of these texts: `data-t` for an element's text, `data-t-NAME` for its attribute NAME.
 */

export const TEXTS = {
  en: {
    // all pages
    rooms: "Rooms", status: "Status", api_docs: "API", pages: "Pages", skip: "Skip to content",
    other_language: "中文", needs_script: "These pages need JavaScript.",
    api_key: "API key", use_key: "Use key",
    key_local: "This node answers its API only on its own machine.",
    key_wrong: "This key is not the right one.",
    key_wanted: "This node asks for its API key. It is kept in this tab only.",
    unreachable: "The node can’t be reached.",
    your_name: "Your name", name_problem: "Your name {problem}.", room_problem: "The room’s name {problem}.",
    and: "{list} and {last}", and_others: "{list} and {n} others", separator: ", ",
    days: "{n} d {rest} h", hours: "{n} h {rest} min", minutes: "{n} min {rest} s", seconds: "{n} s",
    // home
    home_title: "Rooms · Sluice", open_now: "Open now", quiet_rooms: "Empty now",
    filter: "Filter by name", filter_label: "Filter rooms by name",
    no_rooms: "No room yet. Join one by name, and it is there.", nobody_anywhere: "Nobody is in a room right now.",
    more_rooms: "Show more rooms",
    rooms_fail: "The rooms can’t be listed: {reason}", unreachable_again: "The node can’t be reached. Trying again…",
    quiet: "quiet so far", room_count: { one: "{n} room", other: "{n} rooms" },
    summary: "{rooms}, {live} with people in", summary_more: "{rooms} and more, {live} with people in",
    message_count: { one: "{n} message", other: "{n} messages" }, people_of: "{n} of {max}",
    person: { one: "person", other: "people" }, connection_count: { one: "{n} connection", other: "{n} connections" },
    join_room: "Join a room", room: "Room", room_hint: "A room that isn’t there yet opens when you enter it.",
    join: "Join", create_room: "Create a room", title: "Title", title_example: "Release planning",
    identifier: "Identifier", identifier_made: "made for you when empty", limits: "Limits",
    people_max: "People at most", any: "any", messages_kept: "Messages kept", as_configured: "as configured",
    create: "Create", identifier_problem: "The identifier {problem}.", room_made: "Room made.",
    enter_room: "Enter {room}", key_first: "This node wants its API key first.",
    room_exists: "A room with this identifier is there already.", enter_it: "Enter it",
    room_fail: "The room wasn’t made: {reason}",
    // chat: entering, connection
    chat: "Chat", skip_field: "Skip to the message field", all_rooms: "All rooms", join_what: "Join {room}",
    a_room: "a room", choose_name: "Choose the name that others see.", access_token: "Access token",
    token_hint: "This node lets in only who holds a valid token. It is kept in this tab only.", enter: "Enter",
    you_are: "You are {user}", chat_needs_script: "The chat needs JavaScript.",
    not_connected: "Not connected", connecting: "Connecting…", reconnecting: "Reconnecting…", connected: "Connected",
    offline: "Offline", disconnected: "Disconnected", try_now: "Try now", try_again: "Try again",
    kept_meanwhile: "{why} What you write is kept and sent as soon as it is back.",
    why_offline: "You are offline.", why_full: "This node is full right now.", why_restart: "The node is restarting.",
    why_lost: "The connection is lost.",
    room_is_full: "The room is full. You get in as soon as somebody leaves; this page keeps trying.",
    will_restart: "This node is about to restart. You’ll be connected again automatically.",
    closed_4001: "You aren’t signed in: the access token is missing, expired or not valid.",
    closed_4003: "You aren’t allowed in this room.",
    closed_4004: "You were removed by an operator.",
    closed_4005: "This chat goes on in another tab.",
    closed_4006: "There are too many connections from here already.",
    room_deleted: "The room was deleted, and its messages with it.",
    room_removed: "You were removed from this room by an operator.",
    room_forbidden: "You aren’t allowed in this room any more.",
    closed_other: "The connection was ended ({reason}).", sign_in: "Sign in", enter_again: "Enter again",
    open_again: "Open it anew", continue_here: "Continue here",
    // chat: what the node's state means for me
    tier: "This node is under load ({tier}). {what} Messages go on.",
    tier_away: "Paused for now: {list}.", tier_storage: "Not every message is kept for later.",
    tier_size: "Long messages are refused.",
    tier_light: "light", tier_moderate: "moderate", tier_heavy: "heavy", tier_normal: "normal",
    feature_typing: "typing signs", feature_presence: "comings and goings", feature_read_marks: "read marks",
    feature_history: "older messages", feature_users: "the list of people",
    mode_degraded:
      "This node is cut off from the others. People here get your messages at once, everybody else when it is back.",
    // chat: the log
    conversation: "Conversation", messages: "Messages",
    history_loading: "Loading earlier messages…", history_empty: "Nobody has said anything here yet.",
    history_begin: "This is the beginning of what is kept.", history_more: "Load earlier messages",
    epoch_changed: "The room’s history began anew. What is above is kept on this page only.",
    gap: "Some messages in between are not kept any more.",
    to_newest: "To the newest ↓", new_messages: { one: "{n} new message ↓", other: "{n} new messages ↓" },
    reply: "Reply", reply_to: "Reply to {user}: {text}", in_reply_to: "In reply to message {seq}",
    copy: "Copy", copied: "Copied", copy_fail: "Not copied", sending: "Sending…", not_sent: "Not sent: {reason}",
    read_by: "Read by {users}", says: "{user}: {text}",
    fail_too_large: "it is too long.", fail_timeout: "no answer came; it may have arrived.",
    fail_queue_full: "too many messages wait.", fail_closed: "the connection has ended.",
    fail_forbidden: "you may only read here.", fail_not_in_room: "you are not in this room any more.",
    message: "Message", write: "Write a message", write_to: "Write to {user}", send: "Send", cancel: "Cancel",
    typing: { one: "{users} is typing…", other: "{users} are typing…" },
    // chat: people, rooms and private conversations
    people: "People", here_now: "Here now", people_here: "People in this room", here_count: "{n} here",
    and_more: "and {n} more", you: "you", device_count: "{n} devices",
    other_rooms: "Rooms", show_rooms: "Rooms",
    private: "Private", private_title: "Private conversations", private_with: "Private, with {user}",
    private_open: "Write privately to {user}", private_note: "Only you two see this.",
    private_empty: "No message between you two yet.",
    private_away: "Earlier private messages can’t be read from this node.",
    private_gap: "Some private messages are not kept any more.",
    private_back: "Back to {room}", unread: { one: "{n} unread", other: "{n} unread" },
    notify: "Notify me", notify_on: "Notifications on",
    notify_hint: "Show a notification for new messages while this page is hidden",
    notify_private: "{user} (private)",
    // status
    status_title: "Status · Sluice", loading: "Loading…", live: "Live", live_restarted: "Live, after a restart",
    key_needed: "Key needed", no_answer: "No answer", no_answer_for: "No answer for {time}",
    no_status: "No status ({code})", no_status_for: "No status ({code}) for {time}",
    well: "All is well: nothing presses, and every feature is served.",
    well_light: "Busy: updates come in larger steps; nobody is refused.",
    well_moderate: "Under load: some features are paused so that messages go on.",
    well_heavy: "Overloaded: newcomers and most of the HTTP API are refused; messages go on.",
    well_degraded: "Cut off from Redis: people on this node chat on, everybody else gets it later.",
    well_draining: "Restarting: connections move to other nodes.",
    well_dry: "Dry run: the tier would be {tier}, but nothing is shed.",
    connections: "Connections", messages_in: "Messages in", messages_out: "Messages out", up_for: "Up for",
    tier_name: "Tier", of_so_far: "of {max}, {total} so far", kept_refused: "{kept} kept, {refused} refused",
    delivered: "{n} delivered", alone: "on this node alone", mode_is: "mode: {mode}",
    cluster: "Nodes", node: "Node", state: "State", address: "Address", started: "Started", seen: "Last seen",
    this_node: "this node", node_up: "up", node_suspect: "suspect", node_draining: "draining",
    workers: "Workers", worker: "Worker", loop_lag: "Loop lag", queued: "Queued", in: "In", out: "Out",
    process: "Process", memory: "Memory (resident)", processor: "Processor", of_one_core: "{n} % of one core",
    open_files: "Open files", load_tier: "Load and tier", signal: "Signal", value: "Value", pressure: "Pressure",
    cause_head: "Possible cause (brings no tier)", because: "Because of", probable_cause: "Probable cause",
    suspended: "Suspended", nothing: "nothing", shed: "Shed because of the load", shed_none: "Nothing was shed.",
    refused: "Refused", refused_none: "No connection and no message was refused.",
    refused_connection: "connection: {reason}", refused_message: "message: {reason}",
    changes: "Tier changes", when: "When", from: "From", to: "To", locks: "Locks held", lock: "Lock", token: "Token",
    holds: "Holds", expires: "Expires in", locks_lost: "{n} lost since the start",
    round_trip: "Round trip", outbox: "Outbox", outbox_is: "{n} messages, {bytes}", reconnects: "Reconnects",
    dry_run: "Dry run: tiers are decided and shown, nothing is shed.",
    pinned: "The tier is pinned by an operator; the governor does not change it.",
    pinned_for: "pinned, for {time}", for_time: "for {time}", alerts: "To be looked at: {list}.",
    alert: "{name} (for {time})",
    why_pinned: "An operator held the node at {to}.", why_unpinned: "An operator let go of the tier.",
    why_recovered: "Nothing pressed any more.", why_rose: "It went up for {reason}.",
    why_rose_cause: "It went up for {reason}, probably because of {cause}.",
    why_fell: "It went down; {reason} pressed most.",
    why_fell_cause: "It went down; {reason} pressed most, probably because of {cause}.",
    chart_label: "{title}, last two minutes", two_minutes: "2 min ago", now: "now", bar_label: "{title}: {n} percent",
    chart_in: "in", chart_out: "out", chart_open: "open", chart_slowest: "slowest worker", chart_core: "of one core",
    // links
    links: "Links", links_title: "Links · Sluice", links_head: "Connections to other servers", link: "Link",
    owner: "Owner", last_sign: "Last sign of life", reconnect_count: "Reconnects", dropped: "Dropped", change: "Change",
    no_links: "There are no links. Make one over the API, or by the command",
    more_links: "Show more links", links_up: "{up} of {all} connected", links_up_shown: "{up} of {all} shown connected",
    links_failed: "No links: {message}", never: "never", ago: "{time} ago", enable: "Enable", disable: "Disable",
    link_idle: "idle", link_connecting: "connecting", link_connected: "connected", link_cooldown: "cooldown",
    link_disabled: "disabled",
  },
  zh: {
    rooms: "房间", status: "状态", api_docs: "API", pages: "页面", skip: "跳到内容",
    other_language: "English", needs_script: "这些页面需要 JavaScript。",
    api_key: "API 密钥", use_key: "使用密钥",
    key_local: "本节点只在本机上开放 API。", key_wrong: "密钥不正确。",
    key_wanted: "本节点需要 API 密钥。它只保存在此标签页中。",
    unreachable: "无法连接到节点。",
    your_name: "你的名字", name_problem: "你的名字{problem}。", room_problem: "房间名{problem}。",
    and: "{list}和{last}", and_others: "{list}和另外 {n} 人", separator: "、",
    days: "{n} 天 {rest} 小时", hours: "{n} 小时 {rest} 分", minutes: "{n} 分 {rest} 秒", seconds: "{n} 秒",
    home_title: "房间 · Sluice", open_now: "正在聊天", quiet_rooms: "暂时没人",
    filter: "按名称筛选", filter_label: "按名称筛选房间",
    no_rooms: "还没有房间。输入名称加入，房间就会出现。", nobody_anywhere: "现在没有人在房间里。", more_rooms: "显示更多房间",
    rooms_fail: "无法列出房间：{reason}", unreachable_again: "无法连接到节点，正在重试…",
    quiet: "还很安静", room_count: "{n} 个房间", summary: "{rooms}，{live} 个有人", summary_more: "{rooms}以上，{live} 个有人",
    message_count: "{n} 条消息", people_of: "{n} / {max}", person: "人", connection_count: "{n} 个连接",
    join_room: "加入房间", room: "房间", room_hint: "房间不存在时，进入即会创建。",
    join: "加入", create_room: "创建房间", title: "标题", title_example: "发布计划",
    identifier: "标识", identifier_made: "留空则自动生成", limits: "限制",
    people_max: "最多人数", any: "不限", messages_kept: "保留消息数", as_configured: "按配置",
    create: "创建", identifier_problem: "标识{problem}。", room_made: "房间已创建。",
    enter_room: "进入 {room}", key_first: "本节点需要先提供 API 密钥。",
    room_exists: "已有使用此标识的房间。", enter_it: "进入", room_fail: "房间未能创建：{reason}",
    chat: "聊天", skip_field: "跳到消息输入框", all_rooms: "所有房间", join_what: "加入 {room}",
    a_room: "房间", choose_name: "选一个别人看到的名字。", access_token: "访问令牌",
    token_hint: "本节点只允许持有有效令牌的人进入。令牌只保存在此标签页中。", enter: "进入",
    you_are: "你是 {user}", chat_needs_script: "聊天需要 JavaScript。",
    not_connected: "未连接", connecting: "正在连接…", reconnecting: "正在重新连接…", connected: "已连接",
    offline: "离线", disconnected: "已断开", try_now: "立即重试", try_again: "重试",
    kept_meanwhile: "{why}你写的内容会保留，恢复后立即发送。",
    why_offline: "你已离线。", why_full: "本节点现在已满。", why_restart: "节点正在重启。", why_lost: "连接已断开。",
    room_is_full: "房间已满。有人离开后你就能进入；本页会继续尝试。",
    will_restart: "本节点即将重启，之后会自动重新连接。",
    closed_4001: "你尚未登录：访问令牌缺失、过期或无效。", closed_4003: "你不能进入此房间。",
    closed_4004: "你已被管理员移除。", closed_4005: "聊天已在另一个标签页中继续。",
    closed_4006: "来自此处的连接已经太多。", room_deleted: "房间已被删除，消息也一并删除。",
    room_removed: "管理员已将你移出此房间。", room_forbidden: "你不能再留在此房间。",
    closed_other: "连接已结束（{reason}）。", sign_in: "登录", enter_again: "重新进入",
    open_again: "重新打开", continue_here: "在此继续",
    tier: "本节点负载较高（{tier}）。{what}消息照常收发。", tier_away: "暂停：{list}。",
    tier_storage: "并非每条消息都会保留。", tier_size: "过长的消息会被拒绝。",
    tier_light: "轻度", tier_moderate: "中度", tier_heavy: "重度", tier_normal: "正常",
    feature_typing: "输入提示", feature_presence: "进出提示", feature_read_marks: "已读标记",
    feature_history: "更早的消息", feature_users: "成员列表",
    mode_degraded: "本节点与其他节点失去联系。这里的人会立即收到你的消息，其他人在恢复后收到。",
    conversation: "对话", messages: "消息",
    history_loading: "正在加载更早的消息…", history_empty: "还没有人说话。",
    history_begin: "保留的消息从这里开始。", history_more: "加载更早的消息",
    epoch_changed: "房间的记录已重新开始。以上内容只保留在本页。", gap: "中间有些消息已不再保留。",
    to_newest: "到最新 ↓", new_messages: "{n} 条新消息 ↓",
    reply: "回复", reply_to: "回复 {user}：{text}", in_reply_to: "回复第 {seq} 条消息",
    copy: "复制", copied: "已复制", copy_fail: "未能复制", sending: "正在发送…", not_sent: "未发送：{reason}",
    read_by: "{users}已读", says: "{user}：{text}",
    fail_too_large: "内容太长。", fail_timeout: "没有收到答复；消息可能已送达。",
    fail_queue_full: "等待发送的消息太多。", fail_closed: "连接已结束。",
    fail_forbidden: "你在这里只能阅读。", fail_not_in_room: "你已不在此房间。",
    message: "消息", write: "写一条消息", write_to: "写给 {user}", send: "发送", cancel: "取消",
    typing: "{users}正在输入…",
    people: "成员", here_now: "在场", people_here: "此房间里的人", here_count: "{n} 人在场",
    and_more: "还有 {n} 人", you: "你", device_count: "{n} 台设备",
    other_rooms: "房间", show_rooms: "房间",
    private: "私聊", private_title: "私聊", private_with: "与 {user} 私聊", private_open: "私聊 {user}",
    private_note: "只有你们两人能看到。", private_empty: "你们之间还没有消息。",
    private_away: "本节点无法读取更早的私聊消息。", private_gap: "有些私聊消息已不再保留。",
    private_back: "返回 {room}", unread: "{n} 条未读",
    notify: "通知我", notify_on: "通知已开启", notify_hint: "本页隐藏时，为新消息显示通知",
    notify_private: "{user}（私聊）",
    status_title: "状态 · Sluice", loading: "正在加载…", live: "实时", live_restarted: "实时（重启之后）",
    key_needed: "需要密钥", no_answer: "没有答复", no_answer_for: "已 {time} 没有答复",
    no_status: "没有状态（{code}）", no_status_for: "已 {time} 没有状态（{code}）",
    well: "一切正常：没有压力，所有功能可用。", well_light: "较忙：更新合并发送，无人被拒绝。",
    well_moderate: "负载较高：暂停部分功能，消息照常。", well_heavy: "过载：拒绝新连接和大部分 HTTP API，消息照常。",
    well_degraded: "与 Redis 失去联系：本节点上的人照常聊天，其他人稍后收到。",
    well_draining: "正在重启：连接将转到其他节点。", well_dry: "演练：等级应为{tier}，但没有任何削减。",
    connections: "连接", messages_in: "收到消息", messages_out: "发出消息", up_for: "运行时间",
    tier_name: "等级", of_so_far: "上限 {max}，累计 {total}", kept_refused: "保留 {kept}，拒绝 {refused}",
    delivered: "送达 {n}", alone: "仅本节点", mode_is: "模式：{mode}",
    cluster: "节点", node: "节点", state: "状态", address: "地址", started: "启动于", seen: "最近一次",
    this_node: "本节点", node_up: "正常", node_suspect: "可疑", node_draining: "正在退出",
    workers: "工作线程", worker: "线程", loop_lag: "循环延迟", queued: "排队", in: "收", out: "发",
    process: "进程", memory: "内存（常驻）", processor: "处理器", of_one_core: "单核 {n} %",
    open_files: "打开的文件", load_tier: "负载与等级", signal: "信号", value: "数值", pressure: "压力",
    cause_head: "可能的原因（不改变等级）", because: "起因", probable_cause: "可能的原因",
    suspended: "已暂停", nothing: "无", shed: "因负载而削减", shed_none: "没有削减。",
    refused: "被拒绝", refused_none: "没有连接或消息被拒绝。",
    refused_connection: "连接：{reason}", refused_message: "消息：{reason}",
    changes: "等级变化", when: "时间", from: "从", to: "到", locks: "持有的锁", lock: "锁", token: "令牌",
    holds: "重入", expires: "到期", locks_lost: "启动以来丢失 {n} 个",
    round_trip: "往返", outbox: "待发", outbox_is: "{n} 条消息，{bytes}", reconnects: "重连次数",
    dry_run: "演练：只决定并显示等级，不做任何削减。", pinned: "管理员固定了等级，调节器不再改变它。",
    pinned_for: "已固定 {time}", for_time: "已 {time}", alerts: "需要查看：{list}。", alert: "{name}（{time}）",
    why_pinned: "管理员将节点固定在{to}。", why_unpinned: "管理员取消了固定。", why_recovered: "压力已消失。",
    why_rose: "因 {reason} 升级。", why_rose_cause: "因 {reason} 升级，可能由于 {cause}。",
    why_fell: "已降级；{reason} 压力最大。", why_fell_cause: "已降级；{reason} 压力最大，可能由于 {cause}。",
    chart_label: "{title}，最近两分钟", two_minutes: "2 分钟前", now: "现在", bar_label: "{title}：百分之 {n}",
    chart_in: "收", chart_out: "发", chart_open: "打开", chart_slowest: "最慢的线程", chart_core: "单核",
    links: "外部链接", links_title: "外部链接 · Sluice", links_head: "到其他服务器的连接", link: "链接",
    owner: "持有节点", last_sign: "最近活动", reconnect_count: "重连次数", dropped: "丢弃", change: "操作",
    no_links: "没有链接。可通过 API 创建，或使用命令", more_links: "显示更多链接",
    links_up: "{all} 个中已连接 {up} 个", links_up_shown: "所示 {all} 个中已连接 {up} 个",
    links_failed: "无法读取链接：{message}", never: "从未", ago: "{time}前", enable: "启用", disable: "停用",
    link_idle: "空闲", link_connecting: "连接中", link_connected: "已连接", link_cooldown: "冷却中",
    link_disabled: "已停用",
  },
};

/** What the client says of a bad identifier, in Chinese. */
const PROBLEMS = {
  "must not be empty": "不能为空", "must not be “.” or “..” or contain “/”": "不能是“.”或“..”，也不能含有“/”",
  "must not contain control characters": "不能含有控制字符", "is not valid Unicode": "不是有效的 Unicode",
  "is longer than 128 bytes": "超过 128 字节",
};

const asked = new URL(location.href).searchParams.get("lang");

/** "en" or "zh". */
export const language = [asked, ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase())
  .find((tag) => Object.hasOwn(TEXTS, tag)) ?? "en";

/** For numbers and dates: the browser's own variant of the language, when it has one. */
export const locale = navigator.languages.find((tag) => tag.slice(0, 2).toLowerCase() === language) ?? language;

const plural = new Intl.PluralRules(language);

/** The text of a key; `{name}` in it is replaced by the value of that name, and `n` decides between its forms. */
export function t(key, values = {}) {
  let text = TEXTS[language][key];
  if (typeof text === "object") text = text[plural.select(values.count ?? values.n)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** Whether there is a text of that key. */
export const hasText = (key) => Object.hasOwn(TEXTS[language], key);

/** Why `text` can't name a room or a user, from what the client says of it; null when it can. */
export const problemText = (problem) => (problem && language === "zh" ? PROBLEMS[problem] ?? problem : problem);

/** The address, in the language that was asked for. */
export function inLanguage(path) {
  if (!asked || !Object.hasOwn(TEXTS, asked)) return path;
  const [rest, fragment = ""] = path.split(/(?=#)/);
  return `${rest}${rest.includes("?") ? "&" : "?"}lang=${asked}${fragment}`;
}

/** Puts the page's own words into its language; makes its links stay in it, and its switch lead to the other one. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const attribute of ["placeholder", "aria-label", "title"]) {
    for (const element of document.querySelectorAll(`[data-t-${attribute}]`)) {
      element.setAttribute(attribute, t(element.getAttribute(`data-t-${attribute}`)));
    }
  }
  for (const link of document.querySelectorAll('a[href^="/"]')) {
    link.setAttribute("href", inLanguage(link.getAttribute("href")));
  }
  const other = new URL(location.href);
  other.searchParams.set("lang", language === "zh" ? "en" : "zh");
  for (const link of document.querySelectorAll("a.language")) {
    link.href = other.search;
    link.lang = language === "zh" ? "en" : "zh-CN";
  }
}
