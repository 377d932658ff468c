"""What prompts say unless the customer writes something else, by language: the one place that has these texts.

`{site}` is the website's name; static/sdk/prompt.js puts it in. The customer changes WRITTEN; the rest is said by our
part of the page, and only goes with the kinds of prompt that say it.
"""

# ruff: noqa: RUF001  # letters of other languages are meant

# What a person writes, with the most characters of each.
WRITTEN = {"title": 60, "text": 200, "allow": 30, "later": 30}
# title, text, allow, later; title and text of a box with topics; what the bell is called
_OURS = {
    "en": (
        "Get notifications from {site}", "Be the first to hear what is new. You can turn it off at any time.", "Allow",
        "Not now", "What would you like to hear about?", "Choose your topics. You can change them at any time.",
        "Notifications from {site}",
    ),
    "de": (
        "Nachrichten von {site} erhalten", "Erfahren Sie Neues zuerst. Sie können es jederzeit abschalten.", "Erlauben",
        "Nicht jetzt", "Worüber möchten Sie Neues erfahren?",
        "Wählen Sie Ihre Themen. Sie können sie jederzeit ändern.", "Nachrichten von {site}",
    ),
    "fr": (
        "Recevoir les notifications de {site}",
        "Soyez informé en premier des nouveautés. Vous pouvez les désactiver à tout moment.", "Autoriser",
        "Pas maintenant", "Quels sujets vous intéressent ?",
        "Choisissez vos sujets. Vous pouvez les changer à tout moment.", "Notifications de {site}",
    ),
    "es": (
        "Recibe notificaciones de {site}",
        "Entérate antes que nadie de las novedades. Puedes desactivarlas cuando quieras.",
        "Permitir", "Ahora no", "¿Sobre qué quieres recibir novedades?",
        "Elige tus temas. Puedes cambiarlos cuando quieras.", "Notificaciones de {site}",
    ),
    "pt": (
        "Receba notificações de {site}", "Saiba das novidades em primeiro lugar. Pode desativá-las quando quiser.",
        "Permitir", "Agora não", "Sobre o que gostaria de receber novidades?",
        "Escolha os seus temas. Pode alterá-los quando quiser.", "Notificações de {site}",
    ),
    "it": (
        "Ricevi le notifiche di {site}", "Scopri per primo le novità. Puoi disattivarle in qualsiasi momento.",
        "Consenti", "Non ora", "Di che cosa vuoi ricevere novità?",
        "Scegli gli argomenti. Puoi cambiarli in qualsiasi momento.", "Notifiche di {site}",
    ),
    "nl": (
        "Ontvang meldingen van {site}", "Hoor als eerste wat er nieuw is. Je kunt ze altijd uitzetten.", "Toestaan",
        "Niet nu", "Waarover wil je iets horen?", "Kies je onderwerpen. Je kunt ze altijd wijzigen.",
        "Meldingen van {site}",
    ),
    "pl": (
        "Otrzymuj powiadomienia od {site}",
        "Dowiaduj się o nowościach jako pierwszy. Możesz je wyłączyć w każdej chwili.",
        "Zezwól", "Nie teraz", "O czym chcesz otrzymywać wiadomości?",
        "Wybierz tematy. Możesz je zmienić w każdej chwili.", "Powiadomienia od {site}",
    ),
    "tr": (
        "{site} bildirimlerini alın", "Yeniliklerden ilk siz haberdar olun. İstediğiniz zaman kapatabilirsiniz.",
        "İzin ver", "Şimdi değil", "Hangi konularda haber almak istersiniz?",
        "Konularınızı seçin. İstediğiniz zaman değiştirebilirsiniz.", "{site} bildirimleri",
    ),
    "ar": (
        "احصل على إشعارات {site}", "كن أول من يعرف الجديد. يمكنك إيقافها في أي وقت.", "السماح", "ليس الآن",
        "ما المواضيع التي تهمك؟", "اختر مواضيعك. يمكنك تغييرها في أي وقت.", "إشعارات {site}",
    ),
    "hi": (
        "{site} से सूचनाएँ पाएँ", "नई बातें सबसे पहले जानें। आप इन्हें कभी भी बंद कर सकते हैं।", "अनुमति दें", "अभी नहीं",
        "आप किन विषयों के बारे में जानना चाहेंगे?", "अपने विषय चुनें। आप इन्हें कभी भी बदल सकते हैं।", "{site} की सूचनाएँ",
    ),
    "ja": (
        "{site}からの通知を受け取る", "最新情報をいち早くお届けします。いつでもオフにできます。", "許可する", "後で",
        "どのような情報をご希望ですか？", "トピックを選んでください。いつでも変更できます。", "{site}からの通知",
    ),
}  # fmt: skip
# on, off, stop, save, thanks, blocked, failed, close, ios, dialog
_SAID = {
    "en": (
        "Notifications are on.", "Notifications are off.", "Turn off", "Save", "Thank you. Notifications are on.",
        "Notifications are blocked. You can allow them in the browser's settings for this website.",
        "That did not work. Please try again later.", "Close",
        "Tap Share, choose Add to Home Screen, open the app from there and turn on notifications.",
        "Choose Allow in the browser's dialog.",
    ),
    "de": (
        "Nachrichten sind an.", "Nachrichten sind aus.", "Ausschalten", "Speichern", "Danke. Nachrichten sind an.",
        "Nachrichten sind blockiert. Sie können sie in den Einstellungen des Browsers für diese Website erlauben.",
        "Das hat nicht geklappt. Bitte versuchen Sie es später noch einmal.", "Schließen",
        "Tippen Sie auf „Teilen“, dann „Zum Home-Bildschirm“, öffnen Sie die App und schalten Sie Nachrichten ein.",
        "Wählen Sie im Fenster des Browsers „Zulassen“.",
    ),
    "fr": (
        "Les notifications sont activées.", "Les notifications sont désactivées.", "Désactiver", "Enregistrer",
        "Merci. Les notifications sont activées.",
        "Les notifications sont bloquées. Vous pouvez les autoriser dans les réglages du navigateur pour ce site.",
        "Cela n'a pas fonctionné. Veuillez réessayer plus tard.", "Fermer",
        "Touchez Partager, puis Sur l'écran d'accueil, ouvrez l'app depuis là et activez les notifications.",
        "Choisissez Autoriser dans la fenêtre du navigateur.",
    ),
    "es": (
        "Las notificaciones están activadas.", "Las notificaciones están desactivadas.", "Desactivar", "Guardar",
        "Gracias. Las notificaciones están activadas.",
        "Las notificaciones están bloqueadas. Puedes permitirlas en los ajustes del navegador para este sitio.",
        "No ha funcionado. Inténtalo de nuevo más tarde.", "Cerrar",
        "Toca Compartir, elige Añadir a pantalla de inicio, abre la app desde ahí y activa las notificaciones.",
        "Elige Permitir en el cuadro del navegador.",
    ),
    "pt": (
        "As notificações estão ativadas.", "As notificações estão desativadas.", "Desativar", "Guardar",
        "Obrigado. As notificações estão ativadas.",
        "As notificações estão bloqueadas. Pode permiti-las nas definições do navegador para este site.",
        "Não funcionou. Tente novamente mais tarde.", "Fechar",
        "Toque em Partilhar, escolha Adicionar ao ecrã principal, abra aí a aplicação e ative as notificações.",
        "Escolha Permitir na caixa do navegador.",
    ),
    "it": (
        "Le notifiche sono attive.", "Le notifiche sono disattivate.", "Disattiva", "Salva",
        "Grazie. Le notifiche sono attive.",
        "Le notifiche sono bloccate. Puoi consentirle nelle impostazioni del browser per questo sito.",
        "Non ha funzionato. Riprova più tardi.", "Chiudi",
        "Tocca Condividi, scegli Aggiungi alla schermata Home, apri l'app da lì e attiva le notifiche.",
        "Scegli Consenti nella finestra del browser.",
    ),
    "nl": (
        "Meldingen staan aan.", "Meldingen staan uit.", "Uitzetten", "Bewaren", "Bedankt. Meldingen staan aan.",
        "Meldingen zijn geblokkeerd. Je kunt ze toestaan in de instellingen van de browser voor deze website.",
        "Dat is niet gelukt. Probeer het later nog eens.", "Sluiten",
        "Tik op Deel, kies Zet op beginscherm, open de app daar en zet meldingen aan.",
        "Kies Toestaan in het venster van de browser.",
    ),
    "pl": (
        "Powiadomienia są włączone.", "Powiadomienia są wyłączone.", "Wyłącz", "Zapisz",
        "Dziękujemy. Powiadomienia są włączone.",
        "Powiadomienia są zablokowane. Możesz na nie zezwolić w ustawieniach przeglądarki dla tej witryny.",
        "Nie udało się. Spróbuj ponownie później.", "Zamknij",
        "Stuknij Udostępnij, wybierz Do ekranu początkowego, otwórz stamtąd aplikację i włącz powiadomienia.",
        "Wybierz Zezwól w oknie przeglądarki.",
    ),
    "tr": (
        "Bildirimler açık.", "Bildirimler kapalı.", "Kapat", "Kaydet", "Teşekkürler. Bildirimler açık.",
        "Bildirimler engellenmiş. Tarayıcının bu site için ayarlarından izin verebilirsiniz.",
        "İşlem başarısız oldu. Lütfen daha sonra yeniden deneyin.", "Pencereyi kapat",
        "Paylaş'a dokunun, Ana Ekrana Ekle'yi seçin, uygulamayı oradan açın ve bildirimleri açın.",
        "Tarayıcının penceresinde İzin ver'i seçin.",
    ),
    "ar": (
        "الإشعارات مفعّلة.", "الإشعارات متوقفة.", "إيقاف", "حفظ", "شكرًا لك. الإشعارات مفعّلة.",
        "الإشعارات محظورة. يمكنك السماح بها من إعدادات المتصفح لهذا الموقع.",
        "لم ينجح ذلك. يرجى المحاولة لاحقًا.", "إغلاق",
        "اضغط على مشاركة، واختر إضافة إلى الشاشة الرئيسية، وافتح التطبيق من هناك وفعّل الإشعارات.",
        "اختر السماح في نافذة المتصفح.",
    ),
    "hi": (
        "सूचनाएँ चालू हैं।", "सूचनाएँ बंद हैं।", "बंद करें", "सहेजें", "धन्यवाद। सूचनाएँ चालू हैं।",
        "सूचनाएँ अवरुद्ध हैं। आप इस वेबसाइट के लिए ब्राउज़र की सेटिंग में इनकी अनुमति दे सकते हैं।",
        "यह नहीं हो सका। कृपया बाद में फिर कोशिश करें।", "हटाएँ",
        "शेयर पर टैप करें, होम स्क्रीन में जोड़ें चुनें, वहाँ से ऐप खोलें और सूचनाएँ चालू करें।",
        "ब्राउज़र की विंडो में अनुमति दें चुनें।",
    ),
    "ja": (
        "通知はオンです。", "通知はオフです。", "オフにする", "保存", "ありがとうございます。通知はオンです。",
        "通知がブロックされています。ブラウザの設定でこのサイトの通知を許可できます。",
        "うまくいきませんでした。後でもう一度お試しください。", "閉じる",
        "共有をタップして「ホーム画面に追加」を選び、そこからアプリを開いて通知をオンにしてください。",
        "ブラウザの画面で「許可」を選んでください。",
    ),
}  # fmt: skip
_NAMES = ("on", "off", "stop", "save", "thanks", "blocked", "failed", "close", "ios", "dialog")
LANGUAGES = tuple(_OURS)
_OF_A_CARD = ("thanks", "blocked", "failed", "close", "ios")
_OF_A_SWITCH = ("bell", "topics", "on", "off", "stop", "save", "blocked", "failed", "close", "ios")
_KINDS = {
    "box": _OF_A_CARD,
    "bar": _OF_A_CARD,
    "topics": (*_OF_A_CARD, "topics"),
    "native": ("close", "ios"),
    "backdrop": ("dialog", "close", "ios"),
    "bell": _OF_A_SWITCH,
    "button": _OF_A_SWITCH,
}


def known_language(tag: str) -> str:
    """Name the language of ours that is meant: pt for pt-BR; empty if there is none."""
    first = tag.partition("-")[0].lower()
    return first if first in _OURS else ""


def written_words(kind: str, language: str) -> dict[str, str]:
    """What a new prompt says in a language: what there is no text of ours for is said in English."""
    title, text, allow, later, topics_title, topics_text, name = _OURS[known_language(language) or "en"]
    if kind == "topics":
        title, text = topics_title, topics_text
    elif kind == "button":
        allow = name  # it stands alone in the page, and says what it is for
    return {"title": title, "text": text, "allow": allow, "later": later}


def said_words(kind: str, language: str) -> dict[str, str]:
    """What our part of the page says by itself for this kind; empty for a language that we have no texts of."""
    known = known_language(language)
    if not known:
        return {}
    words = dict(zip(_NAMES, _SAID[known], strict=True))
    words |= {"topics": _OURS[known][4], "bell": _OURS[known][6]}
    return {name: words[name] for name in _KINDS[kind]}
