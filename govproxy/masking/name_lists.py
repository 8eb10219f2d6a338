"""Given and family names common in Europe and the Americas, folded to plain lower case.

Short on purpose: a column is recognised by the share of its values found here, and no value is ever
decided by these lists.
"""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GIVEN_NAMES = _words(
    """
    james mary john patricia robert jennifer michael linda william elizabeth david barbara richard susan joseph
    jessica thomas sarah charles karen christopher lisa daniel nancy matthew betty anthony margaret mark sandra
    donald ashley steven kimberly paul emily andrew donna joshua michelle kenneth dorothy kevin carol brian
    amanda george melissa edward deborah ronald stephanie timothy rebecca jason sharon jeffrey laura ryan
    cynthia jacob kathleen gary amy nicholas shirley eric angela jonathan helen stephen anna larry brenda justin
    pamela scott nicole brandon samantha benjamin katherine samuel emma gregory ruth frank christine alexander
    catherine raymond debra patrick rachel jack carolyn dennis janet jerry virginia tyler maria aaron heather
    jose diane adam julie nathan joyce henry victoria douglas olivia zachary kelly peter christina kyle lauren
    walter joan ethan evelyn jeremy judith harold megan keith cheryl christian andrea roger hannah noah martha
    gerald jacqueline terry frances sean gloria austin ann carl teresa arthur kathryn lawrence sara dylan janice
    jesse jean bryan alice joe madison billy doris bruce abigail ralph julia albert judy willie grace logan
    denise alan amber wayne marilyn roy beverly vincent danielle eugene theresa sophia randy diana bobby
    brittany philip natalie louis isabella johnny charlotte bradley rose philippe kayla shawn alexis craig lori
    phillip tiffany hans klaus wolfgang jurgen dieter uwe stefan andreas bernd martin ralf ursula monika petra
    sabine renate helga karin brigitte ingrid erika gisela anja katrin susanne heike birgit lena leon lukas finn
    jonas felix max maximilian paula mia emilia johanna greta heinz horst gunter gunther manfred gerhard werner
    heinrich karl ernst otto fritz kurt jorg sven pierre michel andre alain bernard jacques marcel nathalie
    isabelle sylvie francoise martine monique veronique sandrine valerie celine aurelie camille chloe manon lea
    lucas hugo jules gabriel raphael mathieu antoine nicolas julien sebastien laurent thierry olivier christophe
    pascal stephane guillaume frederic juan manuel francisco antonio carlos jesus miguel javier rafael pedro
    luis angel fernando jorge alberto pablo sergio carmen ana isabel dolores pilar rosa cristina marta elena
    lucia sofia alba raquel beatriz silvia joao paulo mateus gustavo rodrigo bruno felipe marcelo ricardo
    eduardo leonardo thiago vinicius fernanda juliana mariana camila leticia aline bruna larissa vanessa luciana
    adriana renata giuseppe giovanni mario luigi francesco angelo vincenzo pietro salvatore giulia chiara
    francesca federica alessandra marco luca matteo alessandro davide simone jan piotr krzysztof andrzej tomasz
    pawel marcin agnieszka katarzyna malgorzata ewa joanna magdalena lars anders erik johan kristina eva
    birgitta olga ivan sergei dmitri natalia tatiana irina mohamed mohammed muhammad ahmed ali omar hassan
    fatima aisha wei ming li chen raj priya amit rahul anita sanjay deepak kwame yuki hiroshi kenji sakura
    ibrahim yusuf mehmet mustafa ayse oliver liam amelia ava isla harry charlie freddie oscar archie poppy lily
    freya florence elsie ivy willow evie aiden mason elijah harper layla zoe penelope
    """
)

FAMILY_NAMES = _words(
    """
    smith johnson williams brown jones garcia miller davis rodriguez martinez hernandez lopez gonzalez wilson
    anderson thomas taylor moore jackson martin lee perez thompson white harris sanchez clark ramirez lewis
    robinson walker young allen king wright scott torres nguyen hill flores green adams nelson baker hall rivera
    campbell mitchell carter roberts gomez phillips evans turner diaz parker cruz edwards collins reyes stewart
    morris morales murphy cook rogers gutierrez ortiz morgan cooper peterson bailey reed kelly howard ramos kim
    cox ward richardson watson brooks chavez wood james bennett gray mendoza ruiz hughes price alvarez castillo
    sanders patel myers long ross foster jimenez powell jenkins perry russell sullivan bell coleman butler
    henderson barnes gonzales fisher vasquez simmons romero jordan patterson alexander hamilton graham reynolds
    griffin wallace moreno west cole hayes bryant herrera gibson ellis tran medina aguilar stevens murray ford
    castro marshall owens harrison fernandez mcdonald woods washington kennedy wells vargas henry chen freeman
    webb tucker guzman burns crawford olson simpson porter hunter gordon mendez silva shaw snyder mason dixon
    munoz hunt hicks holmes palmer wagner black robertson boyd rose stone salazar fox warren mills meyer rice
    schmidt garza daniels ferguson nichols stephens soto weaver ryan gardner payne grant dunn muller mueller
    schneider fischer weber becker schulz hoffmann schafer koch bauer richter klein wolf schroder neumann
    schwarz zimmermann braun kruger hofmann hartmann lange schmitt werner schmitz krause meier lehmann schmid
    schulze maier kohler herrmann konig walter mayer huber kaiser fuchs peters lang scholz moller weiss jung
    hahn schubert vogel friedrich keller bernard dubois durand leroy moreau simon laurent lefebvre michel
    bertrand roux vincent fournier morel girard andre lefevre mercier dupont lambert bonnet francois gerard
    petit robert richard rousseau blanc guerin boyer garnier chevalier alonso navarro dominguez vazquez gil
    serrano blanco molina suarez ortega delgado rubio marin santos oliveira souza rodrigues ferreira alves
    pereira lima gomes costa ribeiro martins carvalho almeida lopes soares fernandes vieira barbosa rocha dias
    nascimento andrade moreira nunes marques machado mendes freitas cardoso rossi russo ferrari esposito bianchi
    romano colombo ricci marino greco bruno gallo conti deluca giordano nowak kowalski wisniewski wojcik
    kowalczyk kaminski lewandowski zielinski szymanski wozniak dabrowski jansen devries vandenberg bakker visser
    smit devos hansen johansen olsen larsen andersen pedersen nilsen andersson johansson karlsson nilsson
    eriksson larsson olsson persson svensson nielsen jensen christensen wang li zhang liu yang huang zhao wu
    zhou singh kumar sharma gupta khan ahmed ali hussain tanaka suzuki sato takahashi ito yilmaz kaya demir
    obrien oconnor byrne walsh mcarthur macdonald davies lloyd griffiths owen
    """
)
