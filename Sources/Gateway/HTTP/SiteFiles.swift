/// The files of the web pages by the name under which they are served.
enum SiteFiles {
    static var all: [String: [UInt8]] {
        [
            "home.html": PackageResources.home_html, "home.js": PackageResources.home_js,
            "chat.html": PackageResources.chat_html, "chat.js": PackageResources.chat_js,
            "chatlog.js": PackageResources.chatlog_js,
            "status.html": PackageResources.status_html, "status.js": PackageResources.status_js,
            "charts.js": PackageResources.charts_js,
            "docs.html": PackageResources.docs_html, "docs.js": PackageResources.docs_js,
            "client.js": PackageResources.client_js, "common.js": PackageResources.common_js,
            "style.css": PackageResources.style_css, "icon.svg": PackageResources.icon_svg,
            "openapi.json": PackageResources.openapi_json,
        ]
    }
}
