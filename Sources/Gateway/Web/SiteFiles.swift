import Overload
import WireProtocol

/// The files of the web pages by the name under which they are served.
enum SiteFiles {
    static var all: [String: [UInt8]] {
        [
            "home.html": PackageResources.home_html, "home.js": PackageResources.home_js,
            "chat.html": PackageResources.chat_html, "chat.js": PackageResources.chat_js,
            "chatlog.js": PackageResources.chatlog_js, "message.js": PackageResources.message_js,
            "private.js": PackageResources.private_js, "side.js": PackageResources.side_js,
            "notices.js": PackageResources.notices_js, "texts.js": PackageResources.texts_js,
            "status.html": PackageResources.status_html, "status.js": PackageResources.status_js,
            "charts.js": PackageResources.charts_js, "events.js": PackageResources.events_js,
            "links.html": PackageResources.links_html, "links.js": PackageResources.links_js,
            "docs.html": PackageResources.docs_html, "docs.js": PackageResources.docs_js,
            "client.js": PackageResources.client_js, "common.js": PackageResources.common_js,
            "style.css": PackageResources.style_css, "icon.svg": PackageResources.icon_svg,
            "openapi.json": PackageResources.openapi_json, "tiers.json": tiers,
        ]
    }

    /// The table of tiers and features for `/docs`: `{"tiers": [name], "rows": [{"feature",
    /// "mitigates", "tiers": [text]}]}`.
    private static var tiers: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("tiers")
        writer.beginArray()
        for tier in Tier.allCases { writer.string(tier.name) }
        writer.endArray()
        writer.name("rows")
        writer.beginArray()
        for row in TierTable.rows {
            writer.beginObject()
            writer.member("feature", row.feature)
            writer.member("mitigates", row.mitigates)
            writer.name("tiers")
            writer.beginArray()
            for text in row.tiers { writer.string(text) }
            writer.endArray()
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.array
    }
}
