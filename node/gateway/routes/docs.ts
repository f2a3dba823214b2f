import type { Handler } from '../../http/exchange.ts'
import { sendJson } from '../../http/respond.ts'
import type { Route } from '../../http/router.ts'
import { OPERATIONS, openApi, openApiPath } from '../openapi.ts'

const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#223}' +
  'code{font:14px ui-monospace,monospace}h2{font-size:1rem;margin:2rem 0 .3rem}b{color:#06c}' +
  'dl{margin:.3rem 0 0 1rem;display:grid;grid-template-columns:max-content 1fr;gap:0 1rem}dd{margin:0}'

/** `/v1/api` and `/docs`: what the routes are, for programs and for people. */
export function docsRoutes(routes: () => readonly Route[]): Route[] {
  const api: Handler = async exchange => sendJson(exchange, 200, openApi(routes()))
  const docs: Handler = async ({ response }) => {
    const page = Buffer.from(render(routes()))
    response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-length': page.length,
      'content-security-policy': POLICY,
      'cache-control': 'no-cache',
    })
    response.end(page)
  }
  return [
    { pattern: '/v1/api', methods: { GET: api }, readableByPages: true },
    { pattern: '/docs', methods: { GET: docs }, readableByPages: true },
  ]
}

function render(routes: readonly Route[]): string {
  const sections = routes.flatMap(({ pattern, methods }) =>
    Object.keys(methods).map(method => section(pattern, method)),
  )
  return (
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Floe gateway</title><style>${STYLE}</style>` +
    `<h1>Floe gateway</h1><p>The same for programs: <a href="/v1/api"><code>/v1/api</code></a> (OpenAPI 3.1).</p>` +
    `${sections.join('')}</html>`
  )
}

function section(pattern: string, method: string): string {
  const text = OPERATIONS[pattern]?.[method]
  if (text === undefined) return ''
  const rows = Object.entries(text.query ?? {}).map(
    ([name, meaning]) =>
      `<dt><code>${escaped(name.replace('!', ''))}</code>${name.endsWith('!') ? ' *' : ''}</dt><dd>${escaped(meaning)}</dd>`,
  )
  return (
    `<h2><b>${method}</b> <code>${escaped(openApiPath(pattern))}</code></h2>${escaped(text.summary)}.` +
    (rows.length > 0 ? `<dl>${rows.join('')}</dl>` : '')
  )
}

const escaped = (text: string) => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)
