import { ClerkProvider } from '@clerk/react'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './App.jsx'
import './style.css'

// All that tells Clerk's components of usher is proxyUrl: what they ask goes to our
// own back end, which passes it on. Their scripts come from there as well.
createRoot(document.getElementById('root')).render(
  <StrictMode>
    <ClerkProvider
      publishableKey={import.meta.env.VITE_CLERK_PUBLISHABLE_KEY}
      proxyUrl="/__clerk"
      signInUrl="/"
      signUpUrl="/join"
      afterSignOutUrl="/"
      telemetry={false}
    >
      <App />
    </ClerkProvider>
  </StrictMode>,
)
