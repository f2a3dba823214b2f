const KEY = 'floe.readFromMyNetwork'

/** The choice to read from one's own network: off at first, and remembered where the browser keeps anything. */
export function offerOwnNetwork(box: HTMLInputElement, onChange: () => void): void {
  box.checked = remembered()
  box.addEventListener('change', () => {
    remember(box.checked)
    onChange()
  })
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) === 'yes'
  } catch {
    // blocked by the browser's settings
    return false
  }
}

function remember(isChosen: boolean): void {
  try {
    if (isChosen) localStorage.setItem(KEY, 'yes')
    else localStorage.removeItem(KEY)
  } catch {
    // it holds until the page is left
  }
}
