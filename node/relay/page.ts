/** What the page may do: its own script and style, and ask where it came from. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"

/** The status page: figures and charts of the last two minutes, told by `/events`. */
export const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Floe relay</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
  h1 { font-size: 1.4rem } code { overflow-wrap: anywhere }
  .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem }
  figure { margin: 0; padding: .75rem; border: 1px solid #ccc; border-radius: .5rem }
  figcaption { display: flex; justify-content: space-between } svg { width: 100%; height: 5rem }
  polyline { fill: none; stroke: #0a66c2; stroke-width: 2; vector-effect: non-scaling-stroke }
  table { border-collapse: collapse } td, th { text-align: left; padding: .2rem 1rem .2rem 0 }
  @media (prefers-color-scheme: dark) { body { color: #ddd; background: #181818 } figure { border-color: #444 } polyline { stroke: #6ab0f3 } }
</style>
<h1>Floe relay <span id="state"></span></h1>
<p><code id="address"></code></p>
<div class="charts" id="charts"></div>
<h2>Refused</h2>
<table id="refused"></table>
<script>
  const KEEP = 120
  const unit = bytes => {
    const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
    let i = 0
    while (bytes >= 1024 && i < names.length - 1) { bytes /= 1024; i++ }
    return bytes.toFixed(i ? 1 : 0) + ' ' + names[i]
  }
  let last
  const charts = [
    ['Moved per second', status => {
      const all = status.counts.bytes.members + status.counts.bytes.strangers
      const rate = last === undefined ? 0 : Math.max(0, all - last)
      last = all
      return rate
    }, unit],
    ['Circuits', status => status.circuits, String, status => status.limits.circuits],
    ['Reservations', status => status.reservations, String, status => status.limits.reservations],
    ['Memory', status => status.rssBytes, unit],
    ['This month', status => status.month.bytes, unit, status => status.limits.bytesPerMonth],
  ].map(([name, read, show, limit]) => {
    const figure = document.createElement('figure')
    const caption = figure.appendChild(document.createElement('figcaption'))
    caption.append(name, document.createElement('span'))
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg')
    svg.setAttribute('viewBox', '0 0 ' + (KEEP - 1) + ' 100')
    svg.setAttribute('preserveAspectRatio', 'none')
    svg.setAttribute('role', 'img')
    svg.setAttribute('aria-label', name)
    const line = svg.appendChild(document.createElementNS('http://www.w3.org/2000/svg', 'polyline'))
    figure.append(svg)
    document.getElementById('charts').append(figure)
    const values = []
    return status => {
      const value = read(status)
      values.push(value)
      if (values.length > KEEP) values.shift()
      const most = Math.max(1, ...values)
      line.setAttribute('points', values.map((one, i) => i + ',' + (98 - one / most * 96)).join(' '))
      caption.lastChild.textContent = show(value) + (limit ? ' of ' + show(limit(status)) : '')
    }
  })
  const events = new EventSource('events')
  events.onmessage = ({ data }) => {
    const status = JSON.parse(data)
    document.getElementById('state').textContent = status.healthy ? '' : '- short of memory'
    document.getElementById('address').textContent = status.multiaddrs.join(' ')
    for (const draw of charts) draw(status)
    document.getElementById('refused').replaceChildren(...Object.entries(status.counts.refused).map(([reason, count]) => {
      const row = document.createElement('tr')
      row.append(...[reason, count].map(text => {
        const cell = document.createElement('td')
        cell.textContent = text
        return cell
      }))
      return row
    }))
  }
  events.onerror = () => { document.getElementById('state').textContent = '- does not answer' }
</script>
</html>
`
