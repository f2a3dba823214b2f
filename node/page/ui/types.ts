const OFFERED = [
  ['', 'a file'],
  ['text/plain', 'text'],
  ['image/png', 'PNG'],
  ['image/jpeg', 'JPEG'],
  ['image/svg+xml', 'SVG'],
  ['image/webp', 'WebP'],
  ['video/mp4', 'MP4 video'],
  ['video/webm', 'WebM video'],
  ['audio/mpeg', 'MP3'],
  ['audio/wav', 'WAV'],
  ['text/html', 'HTML'],
  ['application/pdf', 'PDF'],
  ['application/json', 'JSON'],
] as const

/** As what a blob can be opened: it does not say by itself. */
export function offerTypes(select: HTMLSelectElement): void {
  select.replaceChildren(
    ...OFFERED.map(([value, name]) => {
      const option = document.createElement('option')
      option.value = value
      option.textContent = name
      return option
    }),
  )
}
