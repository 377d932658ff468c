// Passkeys: on the form's button, ask the browser for one, put its answer into the form, and send that.

const form = document.querySelector('[data-passkey]')

function octets (text) {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(plain, (character) => character.charCodeAt(0))
}

function text (buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer))
  return btoa(plain).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

const named = (keys) => (keys || []).map((key) => ({ ...key, id: octets(key.id) }))

async function create (options) {
  const user = { ...options.user, id: octets(options.user.id) }
  return navigator.credentials.create({
    publicKey: {
      ...options, user, challenge: octets(options.challenge), excludeCredentials: named(options.excludeCredentials)
    }
  })
}

async function get (options) {
  return navigator.credentials.get({
    publicKey: { ...options, challenge: octets(options.challenge), allowCredentials: named(options.allowCredentials) }
  })
}

function asJson (credential) {
  const answer = credential.response
  const parts = ['clientDataJSON', 'attestationObject', 'authenticatorData', 'signature', 'userHandle']
  const given = parts.filter((part) => answer[part]).map((part) => [part, text(answer[part])])
  const response = Object.fromEntries(given)
  if (answer.getTransports) response.transports = answer.getTransports()
  return JSON.stringify({
    id: credential.id,
    rawId: text(credential.rawId),
    type: credential.type,
    response,
    clientExtensionResults: credential.getClientExtensionResults()
  })
}

function problem (error) {
  const place = form.querySelector('[data-passkey-problem]')
  const said = {
    InvalidStateError: 'This device has a passkey for your account already.',
    NotAllowedError: 'Nothing came of it: it was cancelled, took too long, or there is no passkey for this account here.',
    SecurityError: 'The browser allows passkeys over https only.'
  }
  place.textContent = said[error.name] || 'The browser could not do that. Try another browser or device.'
  place.parentElement.hidden = false
}

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  try {
    const options = JSON.parse(document.getElementById('passkey-options').textContent)
    const credential = form.dataset.passkey === 'create'
      ? await create(options.creation_options.publicKey)
      : await get(options.request_options.publicKey)
    form.elements.credential.value = asJson(credential)
    form.submit()
  } catch (error) {
    problem(error)
  }
})
