import Core
import NetworkIO
import WireProtocol

/// The page that a browser gets for an error, instead of JSON. It needs no other file, as those may be refused as well.
enum ErrorPage {
    /// The languages of the pages.
    enum Language: Sendable {
        case english, chinese

        /// `?lang=` or else the first of `Accept-Language` that there is; English without.
        init(_ request: HTTPRequest) {
            let wanted = [request.queryValue("lang"), request.header("accept-language")].compactMap(\.self)
            let tags = wanted.joined(separator: ",").lowercased().filter { $0 != " " }.split(separator: ",")
            let known = tags.first { $0.hasPrefix("zh") || $0.hasPrefix("en") }
            self = known?.hasPrefix("zh") == true ? .chinese : .english
        }
    }

    private static let style = """
        :root{color-scheme:light dark}body{margin:0;min-height:100vh;display:grid;place-items:center;\
        font:16px/1.5 system-ui,sans-serif;background:light-dark(#f4f6f5,#0e1514);color:light-dark(#14211f,#e4ecea)}\
        main{width:min(30rem,100% - 3rem);overflow-wrap:anywhere}h1{font-size:1.5rem;line-height:1.2;margin:0 0 .5rem}\
        p{margin:0 0 1rem}.detail{color:light-dark(#566663,#97a8a4);font-size:.875rem}\
        a{color:light-dark(#0a6c66,#58c7b8)}
        """
    /// The page's own style and nothing else.
    private static let contentSecurityPolicy =
        "default-src 'none'; style-src 'sha256-\(Digest.base64(Digest.sha256(Array(style.utf8))))'; img-src data:; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    /// The same answer as a page; one that is no error stays as it is.
    static func instead(of response: HTTPResponse, in language: Language) -> HTTPResponse {
        guard let failure = response.failure else { return response }
        var page = response
        page.headers.removeAll { ["content-type", "content-security-policy"].contains($0.0.lowercased()) }
        page.headers += [
            ("Content-Type", "text/html; charset=utf-8"), ("Content-Security-Policy", contentSecurityPolicy),
            ("Referrer-Policy", "no-referrer"), ("Vary", "Accept, Accept-Language"),
        ]
        page.body = Array(text(failure, language).utf8)
        return page
    }

    private static func text(_ failure: HTTPFailure, _ language: Language) -> String {
        let (title, advice) = words(failure.status, language)
        let (tag, home) = language == .chinese ? ("zh", "所有房间") : ("en", "All rooms")
        return """
            <!doctype html>
            <html lang="\(tag)">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <title>\(title) · Sluice</title>
            <link rel="icon" href="data:,">
            <style>\(style)</style>
            </head>
            <body>
            <main>
            <h1>\(title)</h1>
            <p>\(advice)</p>
            <p class="detail" lang="en">\(failure.status): \(escaped(failure.message))</p>
            <p><a href="/">\(home)</a></p>
            </main>
            </body>
            </html>

            """
    }

    /// The heading, and the sentence that says what one can do.
    private static func words(_ status: Int, _ language: Language) -> (title: String, advice: String) {
        switch (status, language) {
        case (401, .english): ("A key is needed", "This address answers only who shows the node’s API key.")
        case (401, .chinese): ("需要密钥", "此地址只回应出示本节点 API 密钥的请求。")
        case (403, .english): ("Not allowed", "This is not for everybody.")
        case (403, .chinese): ("没有权限", "此内容不对所有人开放。")
        case (404, .english): ("There is nothing here", "The address may be mistyped, or what was here is gone.")
        case (404, .chinese): ("这里什么也没有", "地址可能有误，或内容已被移除。")
        case (429, .english): ("Too many requests", "Too much was asked from here. Try again in a moment.")
        case (429, .chinese): ("请求过多", "来自此处的请求过多，请稍后再试。")
        case (503, .english): ("Very busy right now", "The node can’t show this page at the moment. Try again soon.")
        case (503, .chinese): ("当前非常繁忙", "节点暂时无法显示此页面，请稍后再试。")
        case (500..., .english): ("Something went wrong", "The fault is the node’s. Try again soon.")
        case (500..., .chinese): ("出错了", "问题出在节点一侧，请稍后再试。")
        case (_, .english): ("This can’t be shown", "The address asks for something that can’t be.")
        case (_, .chinese): ("无法显示", "此地址请求的内容不可能存在。")
        }
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}

extension HTTPRequest {
    /// The language of the page that an error becomes; nil when the client asks for none.
    var errorPage: ErrorPage.Language? {
        guard method == .get || method == .head, accepts("text/html") else { return nil }
        return ErrorPage.Language(self)
    }
}
